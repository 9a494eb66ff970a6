"""The complete bot with the fake Slack and a real Foreword service; no part of the bot is replaced."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import or_, select

from factories.api import LABELS
from foreword.client import Client
from foreword_slack.app import Bot, build_bot
from foreword_slack.config import BotConfig
from foreword_slack.hooks import Hooks
from foreword_slack.outbox import OutboxSettings
from foreword_slack.secrets import Secrets
from foreword_slack.store import EventState, Operator
from foreword_slack.store.tables import InboxRow
from foreword_slack.testing import Channel, FakeSlack, FaultPlan, Limits, Message, Person, View, Workspace

SPEED = 8.0

# Slack's pace has tests of its own; these would only wait for it. Its deadlines have, too: on a clock this fast they
# would test how busy the machine is.
QUICK = OutboxSettings(
    channel_rate=20.0,
    channel_burst=20.0,
    update_rate=20.0,
    update_burst=20.0,
    other_rate=20.0,
    other_burst=20.0,
    team_rate=200.0,
    team_burst=200.0,
)
LIMITS = Limits(
    tier_factor=100.0, posts_per_second=1000, posts_per_minute=100_000, ack_seconds=100.0, trigger_seconds=100.0
)


@dataclass(frozen=True, kw_only=True)
class Access:
    """A Foreword service and a tenant with a deployment named complaints."""

    endpoint: str
    tenant: str
    key: str


@dataclass(kw_only=True)
class Office:
    """A workspace with its people and the channels for complaints."""

    slack: FakeSlack
    workspace: Workspace
    ann: Person
    bob: Person
    boss: Person
    complaints: Channel
    review: Channel
    departments: Mapping[str, Channel]
    bot: Bot = field(init=False)

    def department_posts(self) -> list[Message]:
        """Return top-level posts in the channels of departments, without deleted ones."""
        channels = {channel.id for channel in self.departments.values()}
        posts = [post.message for post in self.slack.journal.posts]
        return [post for post in posts if post.channel_id in channels and not post.thread_ts]

    def review_posts(self) -> list[Message]:
        """Return top-level posts in the review channel."""
        return [post for post in self.slack.journal.posts_in(self.review.id) if not post.thread_ts]

    def notes(self, message: Message) -> list[Message]:
        """Return the bot's messages in the thread of a message."""
        posts = self.slack.journal.posts_in(message.channel_id)
        return [post for post in posts if post.thread_ts == message.ts]

    async def posted(self, count: int = 1) -> list[Message]:
        """Wait for posts to departments."""
        await self.slack.wait_for(lambda: len(self.department_posts()) >= count, "a post to a department")
        return self.department_posts()

    async def asked(self, count: int = 1) -> list[Message]:
        """Wait for posts to the review channel."""
        await self.slack.wait_for(lambda: len(self.review_posts()) >= count, "a post to the review channel")
        return self.review_posts()

    async def noted(self, message: Message, words: str) -> Message:
        """Wait until the thread of a message contains a text."""
        await self.slack.wait_for(
            lambda: any(words in note.shown_text for note in self.notes(message)), f"{words!r} in the thread"
        )
        return next(note for note in self.notes(message) if words in note.shown_text)

    async def opened(self, person: Person) -> View:
        """Wait for the window that a click opens."""
        await self.slack.wait_for(lambda: person.modal, "a window")
        assert person.modal is not None
        return person.modal

    async def restart(self, config: BotConfig, access: Access) -> Bot:
        """Start another bot on the same store, after the previous one has ended."""
        self.bot = await start_bot(config, self, access)
        return self.bot

    async def handled(self) -> None:
        """Wait until all events are handled and all posts sent, except timers."""
        await self.slack.settle()
        await self.slack.wait_for(lambda: True)
        while True:
            before = (self.bot.inbox.counts.total(), self.bot.outbox.counts.total())
            if not await self.bot.store.survey(_work_left):
                await self.bot.outbox.settled()
                if before == (self.bot.inbox.counts.total(), self.bot.outbox.counts.total()):
                    return
            await self.slack.clock.sleep(1)


def _work_left(operator: Operator) -> bool:
    """Return whether an event is in progress or due."""
    in_progress_or_due = or_(InboxRow.lease_expire_time.is_not(None), InboxRow.due_time <= operator.now)
    pending = InboxRow.state == EventState.PENDING.value
    return operator.session.scalars(select(InboxRow.key).where(pending, in_progress_or_due)).first() is not None


def office_values(office: Office, access: Access, **team: Any) -> dict[str, Any]:
    """Return the configuration of an office, as in a file; by default the bot is sure of every answer.

    Args:
        team: Values that replace the defaults; `acknowledgement` applies to every department.
    """
    thresholds = {"probability": 0.0, "margin": 0.0, "min_precision": 0.0, **team.pop("thresholds", {})}
    clock = {"acknowledgement": team.pop("acknowledgement")} if "acknowledgement" in team else {}
    departments = [{"label": label, "channel": item.id, **clock} for label, item in office.departments.items()]
    return {
        "team": office.workspace.id,
        "tenant": access.tenant,
        "deployment": "complaints",
        "complaint_channels": [office.complaints.id],
        "review_channel": office.review.id,
        "administrators": [office.boss.id],
        "departments": departments,
        "thresholds": thresholds,
        **team,
    }


@asynccontextmanager
async def running_office(
    access: Access,
    folder: Path,
    *,
    hooks: Hooks | None = None,
    faults: FaultPlan | None = None,
    speed: float = SPEED,
    timers: Mapping[str, Any] | None = None,
    timeout_seconds: float = 10.0,
    **team: Any,
) -> AsyncIterator[Office]:
    """Run a workspace with the bot in it.

    Args:
        access: Access to the Foreword service.
        folder: Folder of the store.
        team: Values of the workspace's configuration that differ from `office_values`.
    """
    async with FakeSlack(speed=speed, faults=faults, limits=LIMITS) as slack:
        office = make_office(slack)
        config = BotConfig.model_validate(
            {
                "service": {"endpoint": access.endpoint, "timeout_seconds": timeout_seconds},
                "store": {"url": f"sqlite:///{folder}/slack.db"},
                "slack": {"mode": "http", "port": 0, "api_url": slack.api_url},
                "timers": dict(timers or {}),
                "teams": [office_values(office, access, **team)],
            }
        )
        office.bot = await start_bot(config, office, access, hooks=hooks)
        try:
            yield office
        finally:
            await office.bot.stop()


def make_office(slack: FakeSlack, labels: Sequence[str] = LABELS) -> Office:
    """Return a workspace without a bot."""
    workspace = slack.add_team("Acme")
    ann, bob, boss = (workspace.add_user(name) for name in ("ann", "bob", "boss"))
    people = (ann, bob, boss)
    return Office(
        slack=slack,
        workspace=workspace,
        ann=ann,
        bob=bob,
        boss=boss,
        complaints=workspace.add_channel("complaints", *people),
        review=workspace.add_channel("review", *people),
        departments={label: workspace.add_channel(label.lower(), *people) for label in labels},
    )


def office_secrets(office: Office, access: Access) -> Secrets:
    """Return the tokens and keys of an office."""
    return Secrets(
        api_keys={office.workspace.id: access.key},
        bot_tokens={office.workspace.id: office.workspace.token},
        app_token=office.slack.app.app_token,
        signing_secret=office.slack.app.signing_secret,
    )


async def start_bot(
    config: BotConfig,
    office: Office,
    access: Access,
    *,
    hooks: Hooks | None = None,
    secrets: Secrets | None = None,
) -> Bot:
    """Start a bot and wait until it listens."""
    bot = await build_bot(
        config,
        secrets or office_secrets(office, access),
        clock=office.slack.clock,
        random=Random(0),
        hooks=hooks or Hooks(),
        outbox=QUICK,
        answer_seconds=LIMITS.ack_seconds,
    )
    try:
        await bot.start()
    except BaseException:
        await bot.stop()
        raise
    if config.slack.mode == "http":
        office.slack.app.request_url = f"http://127.0.0.1:{bot.transport.port}/slack/events"
    return bot


def model_says(access: Access, text: str) -> tuple[str, ...]:
    """Return the labels that the served model gives to a text."""
    with Client(access.endpoint, access.key) as client:
        return client.classify("complaints", text).labels
