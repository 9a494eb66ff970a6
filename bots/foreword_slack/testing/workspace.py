"""A workspace as a test sets it up: people, channels, and the installation of the app."""

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
        installation: The token that the app was given at first; after a rotation, `token` tells the newest.
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
        """The app's user here."""
        return self.team.bot

    @property
    def token(self) -> str:
        """The app's newest bot token here."""
        return self._backend.tokens.latest[self.team.id]

    def add_user(self, name: str, *, is_admin: bool = False) -> Person:
        """A new person."""
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
        """A new channel.

        Args:
            name: Its name.
            people: Who is in it.
            with_bot: Whether the bot is in it.
            is_private: Whether only its members know of it.
            posting: Who may post to it.
        """
        members = {person.id for person in people} | ({self.team.bot.id} if with_bot else set())
        channel = self._backend.add_channel(self.team, name, members, is_private=is_private)
        channel.posting = posting
        return channel

    def channel(self, name: str) -> Channel:
        """A channel by its name."""
        return next(channel for channel in self.team.channels.values() if channel.name == name)

    def grant_only(self, *scopes: str) -> None:
        """Changes what the app's token may do."""
        self._backend.tokens.grant_only(self.team.id, scopes)

    def expire_token(self) -> None:
        """Lets the app's token run out now, as after twelve hours of rotation."""
        self._backend.tokens.expire(self.team.id)

    def revoke_token(self, *, tell: bool = True) -> None:
        """Ends the app's token; the app hears of it, or finds out."""
        self._backend.tokens.revoke(self.team.id)
        if tell:
            ts = self._backend.message_times.next()
            self._conversations.tell(self.team, [events.tokens_revoked(self.team, ts=ts)])

    def uninstall(self, *, tell: bool = True) -> None:
        """Removes the app; the app hears of it, or finds out."""
        self._backend.tokens.revoke(self.team.id, account_inactive=True)
        if tell:
            ts = self._backend.message_times.next()
            found = [events.tokens_revoked(self.team, ts=ts), events.app_uninstalled(ts=ts)]
            self._conversations.tell(self.team, found)

    def reinstall(self) -> Issued:
        """Installs the app anew, by hand."""
        self.installation = self._backend.tokens.issue(self.team.id, self._backend.app.scopes)
        return self.installation
