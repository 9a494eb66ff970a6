"""A workspace that a test sets up: its people, its channels and the installation of the app."""

from __future__ import annotations

from foreword_slack.testing import events
from foreword_slack.testing.app import Issued
from foreword_slack.testing.backend import Backend
from foreword_slack.testing.conversations import Conversations
from foreword_slack.testing.delivery import Courier
from foreword_slack.testing.person import Person
from foreword_slack.testing.state import Channel, PostingRule, Team, User


class Workspace:
    """A workspace of the fake.

    Attributes:
        installation: The token of the latest installation; after a rotation, `token` is the newest token.
    """

    def __init__(self, team: Team, *, backend: Backend, conversations: Conversations, courier: Courier) -> None:
        self.team = team
        self._backend = backend
        self._conversations = conversations
        self._courier = courier
        self.installation: Issued = backend.tokens.issue(team.id, backend.app.scopes)

    @property
    def id(self) -> str:
        """The team's id."""
        return self.team.id

    @property
    def bot(self) -> User:
        """The app's bot user in the workspace."""
        return self.team.bot

    @property
    def token(self) -> str:
        """The app's newest bot token for the workspace."""
        return self._backend.tokens.latest[self.team.id]

    def add_user(self, name: str, *, is_admin: bool = False) -> Person:
        """Add a person."""
        user = User(id=self._backend.ids.next("U"), team_id=self.team.id, name=name, is_admin=is_admin)
        self.team.users[user.id] = user
        return Person(
            user,
            team=self.team,
            backend=self._backend,
            conversations=self._conversations,
            courier=self._courier,
        )

    def add_channel(
        self,
        name: str,
        *people: Person,
        with_bot: bool = True,
        is_private: bool = False,
        posting: PostingRule = PostingRule.EVERYONE,
    ) -> Channel:
        """Add a channel.

        Args:
            name: Name of the channel.
            people: Members of the channel.
            with_bot: Whether the bot is a member.
            is_private: Whether only members can see the channel.
            posting: Rule for posting to the channel.
        """
        members = {person.id for person in people} | ({self.team.bot.id} if with_bot else set())
        channel = self._backend.add_channel(self.team, name, members, is_private=is_private)
        channel.posting = posting
        return channel

    def channel(self, name: str) -> Channel:
        """Return a channel by its name."""
        return next(channel for channel in self.team.channels.values() if channel.name == name)

    def grant_only(self, *scopes: str) -> None:
        """Replace the scopes of the app's token."""
        self._backend.tokens.grant_only(self.team.id, scopes)

    def expire_token(self) -> None:
        """Expire the app's token now, as after twelve hours of rotation."""
        self._backend.tokens.expire(self.team.id)

    def revoke_token(self, *, notify: bool = True) -> None:
        """Revoke the app's token, with or without an event that notifies the app."""
        self._backend.tokens.revoke(self.team.id)
        if notify:
            ts = self._backend.message_times.next()
            self._conversations.send_events(self.team, [events.tokens_revoked(self.team, ts=ts)])

    def uninstall(self, *, notify: bool = True) -> None:
        """Uninstall the app, with or without events that notify it."""
        self._backend.tokens.revoke(self.team.id, account_inactive=True)
        if notify:
            ts = self._backend.message_times.next()
            found = [events.tokens_revoked(self.team, ts=ts), events.app_uninstalled(ts=ts)]
            self._conversations.send_events(self.team, found)

    def reinstall(self) -> Issued:
        """Install the app again."""
        self.installation = self._backend.tokens.issue(self.team.id, self._backend.app.scopes)
        return self.installation
