"""Messages come, change and go, whoever writes them; the app hears of it."""

from __future__ import annotations

from typing import Any

from foreword_slack.testing import events
from foreword_slack.testing.backend import Backend
from foreword_slack.testing.delivery import Courier
from foreword_slack.testing.state import Channel, Message, Team, User


class Conversations:
    """Writes to channels and sends the events that this causes.

    Args:
        backend: What is written to.
        courier: Takes the events to the app.
    """

    def __init__(self, backend: Backend, courier: Courier) -> None:
        self._backend = backend
        self._courier = courier

    def post(
        self,
        team: Team,
        channel: Channel,
        user: User,
        text: str,
        *,
        deliver: bool = True,
        **fields: Any,
    ) -> Message:
        """Posts a message.

        Args:
            team: The workspace.
            channel: Where.
            user: Who; a bot user posts as the app.
            text: The text.
            deliver: Whether the app hears of it now; if not, :meth:`tell_posted` does it later.
            fields: Further fields of the message.
        """
        message = Message(
            team_id=team.id,
            channel_id=channel.id,
            ts=self._backend.message_times.next(),
            user=user.id,
            text=text,
            by_app=user.is_bot,
            bot_id=user.bot_id,
            app_id=self._backend.app.id if user.is_bot else "",
            **fields,
        )
        channel.messages[message.ts] = message
        if user.is_bot:
            self._backend.journal.add_post(self._backend.time(), message)
        if deliver:
            self.tell_posted(team, channel, message)
        self._backend.journal.changed()
        return message

    def tell_posted(self, team: Team, channel: Channel, message: Message) -> None:
        """Sends the events of a new message."""
        self._courier.send_events(team, events.posted(self._backend.app, team, channel, message))

    def tell(self, team: Team, found: list[dict[str, Any]]) -> None:
        """Sends events to the app."""
        self._courier.send_events(team, found)

    def show(self, team: Team, channel: Channel, user: str, **fields: Any) -> Message:
        """Shows one user a message of the app."""
        message = Message(
            team_id=team.id,
            channel_id=channel.id,
            ts=self._backend.message_times.next(),
            user=team.bot.id,
            by_app=True,
            bot_id=team.bot.bot_id,
            app_id=self._backend.app.id,
            shown_to=user,
            **fields,
        )
        channel.ephemerals.append(message)
        self._backend.journal.add_post(self._backend.time(), message)
        return message

    def edit(self, team: Team, channel: Channel, message: Message, by: str, text: str, **fields: Any) -> None:
        """Edits a message."""
        previous = message.as_json()
        message.text = text
        for name, value in fields.items():
            setattr(message, name, value)
        ts = self._backend.message_times.next()
        message.edited_by, message.edited_ts = by, ts
        message.revisions += 1
        self._courier.send_events(team, events.changed(self._backend.app, team, channel, message, previous, ts=ts))
        self._backend.journal.changed()

    def delete(self, team: Team, channel: Channel, message: Message) -> None:
        """Deletes a message."""
        message.deleted = True
        ts = self._backend.message_times.next()
        self._courier.send_events(team, events.deleted(self._backend.app, team, channel, message, ts=ts))
        self._backend.journal.changed()

    def join(self, team: Team, channel: Channel, user: User, *, inviter: str = "") -> None:
        """Brings somebody into a channel."""
        if user.id in channel.members:
            return
        channel.members.add(user.id)
        if team.bot.id in channel.members and "member_joined_channel" in self._backend.app.events:
            ts = self._backend.message_times.next()
            self._courier.send_events(team, [events.joined(channel, user.id, inviter=inviter, ts=ts)])
        self._backend.journal.changed()
