"""The shared state behind the fake's interfaces: the workspaces, the app, the limits and the records."""

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
    """The state that the Web API, the deliveries and the people of the fake share.

    Attributes:
        base_url: Address of the server, such as `http://127.0.0.1:1234`; set when it starts to listen.
    """

    def __init__(self, *, app: App, clock: ScaledClock, limits: Limits, faults: FaultPlan) -> None:
        self.app = app
        self.clock = clock
        self.limits = limits
        self.faults = faults
        self.journal = Journal()
        self.ids = Ids()
        self.message_times = MessageTimes(self.time)
        self.rates = RateLimiter(self.time, factor=limits.tier_factor)
        self.handles = HandleBook(self.time, limits)
        self.tokens = TokenBook(
            app, self.time, lifetime_seconds=limits.rotated_token_seconds, code_seconds=limits.oauth_code_seconds
        )
        self.teams: dict[str, Team] = {}
        self.base_url = ""

    def time(self) -> float:
        """Return the time of Slack's clock, in seconds since the epoch."""
        return self.clock.now().timestamp()

    def add_team(self, name: str) -> Team:
        """Add a workspace with the app's bot user."""
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
        """Add a channel."""
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
        """Return the direct conversation of a user with the bot; create it if it does not exist."""
        return team.direct_channel(user) or self.add_channel(
            team, "", {user, team.bot.id}, is_private=False, is_im=True
        )
