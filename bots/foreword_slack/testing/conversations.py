"""Changes to conversations, by people or the app, and the events that they cause."""

from __future__ import annotations

from typing import Any

from foreword_slack.testing import events
from foreword_slack.testing.backend import Backend
from foreword_slack.testing.delivery import Courier
from foreword_slack.testing.state import Channel, Message, Team, User


class Conversations:
    """The operations on channels and messages; each sends the events that it causes.

    Args:
        backend: The state to change.
        courier: Delivers the events to the app.
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
        """Post a message.

        Args:
            team: The workspace.
            channel: The channel to post to.
            user: The author; a bot user posts as the app.
            text: The text.
            deliver: Send the events now; otherwise :meth:`send_posted` sends them later.
            fields: Other fields of the message.
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
            self.send_posted(team, channel, message)
        self._backend.journal.changed()
        return message

    def send_posted(self, team: Team, channel: Channel, message: Message) -> None:
        """Send the events of a new message."""
        self._courier.send_events(team, events.posted(self._backend.app, team, channel, message))

    def send_events(self, team: Team, found: list[dict[str, Any]]) -> None:
        """Send events to the app."""
        self._courier.send_events(team, found)

    def show(self, team: Team, channel: Channel, user: str, **fields: Any) -> Message:
        """Show an ephemeral message of the app to one user."""
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
        """Edit a message."""
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
        """Delete a message."""
        message.deleted = True
        ts = self._backend.message_times.next()
        self._courier.send_events(team, events.deleted(self._backend.app, team, channel, message, ts=ts))
        self._backend.journal.changed()

    def join(self, team: Team, channel: Channel, user: User, *, inviter: str = "") -> None:
        """Add a user to a channel."""
        if user.id in channel.members:
            return
        channel.members.add(user.id)
        if team.bot.id in channel.members and "member_joined_channel" in self._backend.app.events:
            ts = self._backend.message_times.next()
            self._courier.send_events(team, [events.joined(channel, user.id, inviter=inviter, ts=ts)])
        self._backend.journal.changed()
