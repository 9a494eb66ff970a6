"""People of a workspace, who write, click, choose, submit and run commands as in Slack's client."""

from __future__ import annotations

from typing import Any

from foreword_slack.testing import events, inputs
from foreword_slack.testing.backend import Backend
from foreword_slack.testing.block_kit.reading import find_element
from foreword_slack.testing.conversations import Conversations
from foreword_slack.testing.delivery import Answer, Courier
from foreword_slack.testing.state import Channel, Message, Team, User, View
from foreword_slack.testing.web_api.views import replace


class Person:
    """A person in a workspace.

    Actions that Slack's client would not allow raise an error: `LookupError` for a button or an option that does not
    exist, `ValueError` for a form with an empty field.
    """

    def __init__(
        self, user: User, *, team: Team, backend: Backend, conversations: Conversations, courier: Courier
    ) -> None:
        self.user = user
        self._team = team
        self._backend = backend
        self._conversations = conversations
        self._courier = courier
        self._entered: dict[str, dict[str, dict[str, Any]]] = {}

    @property
    def id(self) -> str:
        """The user's id."""
        return self.user.id

    @property
    def modal(self) -> View | None:
        """The topmost open modal of the person."""
        found = [view for view in self._team.views.values() if view.user == self.id and view.is_open]
        return found[-1] if found else None

    @property
    def home(self) -> View | None:
        """The person's App Home."""
        return self._team.homes.get(self.id)

    def ephemerals(self, channel: Channel) -> list[Message]:
        """Return the messages in a channel that only this person can see."""
        return [message for message in channel.ephemerals if message.shown_to == self.id]

    def post(
        self, channel: Channel, text: str, *, thread: Message | None = None, deliver: bool = True, **fields: Any
    ) -> Message:
        """Post a message.

        Args:
            channel: The channel; the person must be a member.
            text: The text.
            thread: The message to reply to.
            deliver: Send the event to the app now; otherwise :meth:`deliver` sends it later.
            fields: Other fields of the message, such as `files`, `attachments` or `blocks`.
        """
        assert self.id in channel.members, f"{self.user.name} is not in {channel.name}"
        thread_ts = thread.thread_ts or thread.ts if thread else ""
        return self._conversations.post(
            self._team,
            channel,
            self.user,
            text,
            deliver=deliver,
            thread_ts=thread_ts,
            client_msg_id=self._backend.ids.next("m"),
            **fields,
        )

    def deliver(self, message: Message) -> None:
        """Send the event of a message to the app, late or once more."""
        self._conversations.send_posted(self._team, self._channel(message), message)

    def write_to_bot(self, text: str) -> Message:
        """Send a direct message to the bot."""
        return self.post(self._backend.open_direct_channel(self._team, self.id), text)

    def edit(self, message: Message, text: str) -> None:
        """Edit one of the person's own messages."""
        assert message.user == self.id, "people can edit only their own messages"
        self._conversations.edit(self._team, self._channel(message), message, self.id, text)

    def delete(self, message: Message) -> None:
        """Delete one of the person's own messages."""
        assert message.user == self.id, "people can delete only their own messages"
        self._conversations.delete(self._team, self._channel(message), message)

    async def click(self, shown: Message | View, action_id: str, *, value: str | None = None) -> Answer:
        """Click a button.

        Args:
            shown: The message or view with the button.
            action_id: Action id of the button.
            value: Value of the button, if several have the same action id.

        Raises:
            LookupError: There is no such button.
        """
        block_id, element = find_element(_blocks(shown), action_id, value)
        action = {"type": element["type"], "text": element.get("text"), "value": element.get("value")}
        return await self._act(shown, block_id, element, {key: item for key, item in action.items() if item})

    async def choose(self, shown: Message | View, action_id: str, *choices: str) -> Answer:
        """Choose options in a menu of a message or of a section of a view.

        Raises:
            LookupError: There is no such menu or no such option.
        """
        block_id, element = find_element(_blocks(shown), action_id)
        state = inputs.enter(element, *choices)
        self._keep(shown, block_id, action_id, state)
        return await self._act(shown, block_id, element, state)

    def fill(self, view: View, action_id: str, *given: str) -> None:
        """Fill in a field of a modal; the app receives it with the submission.

        Raises:
            LookupError: There is no such field or no such option.
        """
        block_id, element = find_element(view.content["blocks"], action_id)
        self._keep(view, block_id, action_id, inputs.enter(element, *given))

    async def submit(self, view: View) -> Answer:
        """Submit a modal, which closes unless the app responds with errors or another view.

        Raises:
            ValueError: A required field is empty; Slack's client would not send the form.
        """
        assert view.is_open, "the view is closed"
        view.values = inputs.state_of(view.content["blocks"], view.values)
        for block in view.content["blocks"]:
            if block["type"] == "input" and not block.get("optional"):
                state = view.values[block["block_id"]][block["element"]["action_id"]]
                if inputs.is_empty(state):
                    raise ValueError(f"{block['label']['text']!r} is empty. Fill it in before you submit.")
        trigger = self._backend.handles.issue_trigger(team_id=self._team.id, user_id=self.id, view_id=view.id)
        payload = {**self._interaction("view_submission"), "trigger_id": trigger, "view": view.as_json()}
        answer = await self._courier.send_interaction("interactive", {**payload, "response_urls": []})
        if answer.acked:
            self._apply_view_answer(view, answer)
        self._backend.journal.changed()
        return answer

    async def close(self, view: View) -> None:
        """Close a modal."""
        view.is_open = False
        if view.content.get("notify_on_close"):
            payload = {**self._interaction("view_closed"), "view": view.as_json(), "is_cleared": False}
            await self._courier.send_interaction("interactive", payload)
        self._backend.journal.changed()

    async def run_command(self, channel: Channel, command: str, text: str = "") -> Answer:
        """Run a slash command."""
        payload = {
            "token": self._backend.app.verification_token,
            "team_id": self._team.id,
            "team_domain": self._team.domain,
            "channel_id": channel.id,
            "channel_name": channel.name or "directmessage",
            "user_id": self.id,
            "user_name": self.user.name,
            "command": command,
            "text": text,
            "api_app_id": self._backend.app.id,
            "is_enterprise_install": "false",
            "response_url": self._response_url(channel),
            "trigger_id": self._trigger(),
        }
        answer = await self._courier.send_interaction("slash_commands", payload)
        if answer.body and (answer.body.get("text") or answer.body.get("blocks")):
            self._conversations.show(
                self._team,
                channel,
                self.id,
                text=answer.body.get("text", ""),
                blocks=answer.body.get("blocks") or [],
            )
        return answer

    async def use_shortcut(self, callback_id: str, message: Message | None = None) -> Answer:
        """Use a global shortcut, or one on a message."""
        payload = {
            **self._interaction("message_action" if message else "shortcut"),
            "callback_id": callback_id,
            "trigger_id": self._trigger(),
        }
        if message is not None:
            channel = self._channel(message)
            payload |= {
                "channel": {"id": channel.id, "name": channel.name},
                "message": message.as_json(),
                "message_ts": message.ts,
                "response_url": self._response_url(channel),
            }
        return await self._courier.send_interaction("interactive", payload)

    def open_home(self) -> None:
        """Open the app's home."""
        channel = self._backend.open_direct_channel(self._team, self.id)
        ts = self._backend.message_times.next()
        self._courier.send_events(self._team, [events.home_opened(self._team, self.id, channel, ts=ts)])

    def invite_bot(self, channel: Channel) -> None:
        """Invite the bot to a channel."""
        self._conversations.join(self._team, channel, self._team.bot, inviter=self.id)

    def archive(self, channel: Channel) -> None:
        """Archive a channel."""
        channel.is_archived = True
        if self._team.bot.id in channel.members and "channel_archive" in self._backend.app.events:
            ts = self._backend.message_times.next()
            self._courier.send_events(self._team, [events.archived(channel, self.id, ts=ts)])

    def unarchive(self, channel: Channel) -> None:
        """Unarchive a channel."""
        channel.is_archived = False

    async def _act(
        self, shown: Message | View, block_id: str, element: dict[str, Any], action: dict[str, Any]
    ) -> Answer:
        ts = self._backend.message_times.next()
        payload = {
            **self._interaction("block_actions"),
            "actions": [{"action_id": element["action_id"], "block_id": block_id, "action_ts": ts, **action}],
        }
        if isinstance(shown, View):
            payload |= {
                "container": {"type": "view", "view_id": shown.id},
                "view": shown.as_json() | {"state": {"values": inputs.state_of(_blocks(shown), shown.values)}},
                "trigger_id": self._trigger(shown.id),
            }
            return await self._courier.send_interaction("interactive", payload)
        channel = self._channel(shown)
        payload |= {
            "container": {
                "type": "message",
                "message_ts": shown.ts,
                "channel_id": channel.id,
                "is_ephemeral": bool(shown.shown_to),
            },
            "channel": {"id": channel.id, "name": channel.name},
            "message": shown.as_json(with_metadata=True),
            "state": {"values": inputs.state_of(shown.blocks, self._entered.get(shown.ts, {}))},
            "response_url": self._response_url(channel, shown),
            "trigger_id": self._trigger(),
        }
        return await self._courier.send_interaction("interactive", payload)

    def _keep(self, shown: Message | View, block_id: str, action_id: str, state: dict[str, Any]) -> None:
        kept = shown.values if isinstance(shown, View) else self._entered.setdefault(shown.ts, {})
        kept.setdefault(block_id, {})[action_id] = state

    def _apply_view_answer(self, view: View, answer: Answer) -> None:
        """Apply the app's answer to a submitted view."""
        body = answer.body or {}
        action = body.get("response_action")
        if action == "errors":
            view.errors = answer.errors = dict(body.get("errors", {}))
            return
        if action == "update":
            replace(view, body["view"])
            return
        if action == "push":
            id = self._backend.ids.next("V")
            self._team.views[id] = View(
                id=id,
                team_id=self._team.id,
                user=self.id,
                content=body["view"],
                root_id=view.root_id,
                previous_id=view.id,
            )
            return
        for other in self._team.views.values():
            if other is view or (action == "clear" and other.root_id == view.root_id):
                other.is_open = False

    def _interaction(self, kind: str) -> dict[str, Any]:
        return {
            "type": kind,
            "team": {"id": self._team.id, "domain": self._team.domain},
            "user": {"id": self.id, "username": self.user.name, "name": self.user.name, "team_id": self._team.id},
            "api_app_id": self._backend.app.id,
            "token": self._backend.app.verification_token,
            "enterprise": None,
            "is_enterprise_install": False,
            "action_ts": self._backend.message_times.next(),
        }

    def _trigger(self, view_id: str = "") -> str:
        return self._backend.handles.issue_trigger(team_id=self._team.id, user_id=self.id, view_id=view_id)

    def _response_url(self, channel: Channel, message: Message | None = None) -> str:
        id = self._backend.handles.issue_response_url(
            team_id=self._team.id,
            channel_id=channel.id,
            user_id=self.id,
            message_ts=message.ts if message else "",
            ephemeral=bool(message and message.shown_to),
        )
        return f"{self._backend.base_url}/actions/{id}"

    def _channel(self, message: Message) -> Channel:
        return self._team.channels[message.channel_id]


def _blocks(shown: Message | View) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = shown.content["blocks"] if isinstance(shown, View) else shown.blocks
    return blocks
