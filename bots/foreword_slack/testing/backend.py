"""Slack behind its interfaces: the workspaces, the app, and whatever is counted, limited and recorded about them."""

from __future__ import annotations

from foreword_slack.clock import ScaledClock
from foreword_slack.testing.app import App, TokenBook
from foreword_slack.testing.faults import FaultPlan
from foreword_slack.testing.handles import HandleBook
from foreword_slack.testing.ids import Ids, MessageTimes
from foreword_slack.testing.journal import Journal
from foreword_slack.testing.limits import Limits
from foreword_slack.testing.rate_limits import RateLimiter
from foreword_slack.testing.state import Channel, Team, User


class Backend:
    """What the Web API, the deliveries and the people of the fake work on.

    Attributes:
        base_url: Where the server listens, `http://127.0.0.1:1234`; set once it does.
    """

    def __init__(self, *, app: App, clock: ScaledClock, limits: Limits, faults: FaultPlan) -> None:
        self.app = app
        self.clock = clock
        self.limits = limits
        self.faults = faults
        self.journal = Journal()
        self.ids = Ids()
        self.message_times = MessageTimes(self.time)
        self.rates = RateLimiter(self.time)
        self.handles = HandleBook(self.time, limits)
        self.tokens = TokenBook(
            app, self.time, lifetime_seconds=limits.rotated_token_seconds, code_seconds=limits.oauth_code_seconds
        )
        self.teams: dict[str, Team] = {}
        self.base_url = ""

    def time(self) -> float:
        """Slack's time, in seconds since the epoch."""
        return self.clock.now().timestamp()

    def add_team(self, name: str) -> Team:
        """A new workspace with the app's bot user in it."""
        id = self.ids.next("T")
        bot = User(
            id=self.ids.next("U"), team_id=id, name=self.app.name.lower(), is_bot=True, bot_id=self.ids.next("B")
        )
        team = Team(id=id, name=name, domain=name.lower().replace(" ", "-"), bot=bot, users={bot.id: bot})
        self.teams[id] = team
        return team

    def add_channel(
        self, team: Team, name: str, members: set[str], *, is_private: bool, is_im: bool = False
    ) -> Channel:
        """A new channel."""
        channel = Channel(
            id=self.ids.next("D" if is_im else "C"),
            team_id=team.id,
            name=name,
            created=self.time(),
            is_private=is_private,
            is_im=is_im,
            members=members,
        )
        team.channels[channel.id] = channel
        return channel

    def open_direct_channel(self, team: Team, user: str) -> Channel:
        """The conversation of a user with the bot; a new one if they have none."""
        return team.direct_channel(user) or self.add_channel(
            team, "", {user, team.bot.id}, is_private=False, is_im=True
        )
