"""A flood of complaints in several workspaces, and the record of the outcome of each."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from factories.bot_process import BotProcess
from factories.keyword_service import LABELS, UNSURE
from foreword_slack.testing import CallFault, Channel, FakeSlack, Message, Person, Workspace

_NUMBER = re.compile(r"complaint (\d+) ")
_PROBLEMS = ("the lid is cracked", "two screws are missing", "nobody calls back", "the app crashes", "it was sold out")
_STALLED = 300.0
_WHOLE_FLOOD = 7200.0
AMBIGUOUS = (CallFault.CUT_AFTER, CallFault.HANG_AFTER, CallFault.INTERNAL_ERROR_AFTER)
"""Faults after which the bot cannot know whether a post was accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A workspace with the channels and people that the bot needs."""

    workspace: Workspace
    author: Person
    complaints: tuple[Channel, ...]
    review: Channel
    departments: dict[str, Channel]

    def config(self) -> dict[str, Any]:
        """Return the entry of the workspace in the configuration file."""
        return {
            "team": self.workspace.id,
            "tenant": "dev",
            "deployment": "complaints",
            "complaint_channels": [channel.id for channel in self.complaints],
            "review_channel": self.review.id,
            "departments": [{"label": label, "channel": channel.id} for label, channel in self.departments.items()],
        }


def make_place(slack: FakeSlack, name: str, *, complaint_channels: int) -> Place:
    """Make a workspace with the bot installed."""
    workspace = slack.add_team(name)
    author = workspace.add_user("ann")
    return Place(
        workspace=workspace,
        author=author,
        complaints=tuple(workspace.add_channel(f"complaints-{n}", author) for n in range(complaint_channels)),
        review=workspace.add_channel("review"),
        departments={label: workspace.add_channel(label.lower()) for label in LABELS},
    )


@dataclass(slots=True, kw_only=True)
class Complaint:
    """A complaint of the flood.

    Attributes:
        owed: The channels that must receive it once; none if it was deleted.
        posted_at: Time on Slack's clock.
        posts: Number of posts of the complaint by channel.
        complete_after_seconds: Seconds on Slack's clock until the last of these channels had it; None until then.
    """

    message: Message
    owed: frozenset[str]
    posted_at: float
    posts: Counter[str] = field(default_factory=Counter)
    complete_after_seconds: float | None = None

    @property
    def complete(self) -> bool:
        """True if every channel that must receive the complaint has it."""
        return all(self.posts[channel] for channel in self.owed)


class Flood:
    """A flood of complaints of many people at once.

    Args:
        slack: The fake Slack in which they write.
        places: The workspaces in which they write.
        seed: Seed of the texts.
    """

    def __init__(self, slack: FakeSlack, places: list[Place], *, seed: int) -> None:
        self._slack = slack
        self._places = places
        self._random = random.Random(seed)
        self._counted = 0
        self._outstanding = 0
        self.complaints: dict[int, Complaint] = {}
        self.strays: list[Message] = []

    async def write(self, count: int, *, most_outstanding: int) -> None:
        """Write complaints no faster than the bot handles them: the flood measures durability, not patience."""
        for number in range(count):
            if self.outstanding() >= most_outstanding:
                await self._slack.wait_for(
                    lambda: self.outstanding() < most_outstanding, "room for more complaints", wall_seconds=_STALLED
                )
            self._write(number)
            await asyncio.sleep(0)

    async def dealt_with(self) -> None:
        """Wait until every complaint is where it must be, or nothing more happens."""
        with contextlib.suppress(TimeoutError):
            while self.outstanding():
                left = self.outstanding()
                await self._slack.wait_for(lambda left=left: self.outstanding() < left, wall_seconds=_STALLED)  # type: ignore[misc]

    def outstanding(self) -> int:
        """Return the number of complaints that are not yet where they must be."""
        posts = self._slack.journal.posts
        for post in posts[self._counted :]:
            self._count(post.at, post.message)
        self._counted = len(posts)
        return self._outstanding

    def missing(self) -> list[int]:
        """Return the complaints that are missing from a channel."""
        self.outstanding()
        return [number for number, complaint in self.complaints.items() if not complaint.complete]

    def doubled(self) -> int:
        """Return the number of posts beyond the first of a complaint in a channel."""
        self.outstanding()
        return sum(count - 1 for item in self.complaints.values() for count in item.posts.values() if count > 1)

    def misdirected(self) -> list[int]:
        """Return the complaints in a wrong channel; deleted ones may be in any channel."""
        return [n for n, item in self.complaints.items() if item.owed and not set(item.posts) <= item.owed]

    def seconds_to_deliver(self) -> list[float]:
        """Return the seconds on Slack's clock from each complaint to its last department, in ascending order."""
        return sorted(s for item in self.complaints.values() if (s := item.complete_after_seconds) is not None)

    def _write(self, number: int) -> None:
        place = self._places[number % len(self._places)]
        channel = self._random.choice(place.complaints)
        unsure = self._random.random() < 0.03
        labels = self._random.sample(LABELS, self._random.choice((1, 1, 1, 2, 2, 3)))
        mention = f"<@{place.workspace.bot.id}> " if self._random.random() < 0.03 else ""
        words = f"{UNSURE} " if unsure else ""
        text = f"{mention}complaint {number} {words}for {' and '.join(labels)}: {self._random.choice(_PROBLEMS)}"
        message = place.author.post(channel, text)
        owed = {place.review.id} if unsure else {place.departments[label].id for label in labels}
        fate = self._random.random()
        if fate < 0.02:
            place.author.edit(message, f"{text}, and the box is torn")
        elif fate < 0.03:
            place.author.delete(message)
            owed = set()
        self.complaints[number] = Complaint(message=message, owed=frozenset(owed), posted_at=float(message.ts))
        self._outstanding += bool(owed)

    def _count(self, at: float, message: Message) -> None:
        found = _NUMBER.search(message.shown_text)
        if found is None or message.thread_ts:
            return
        complaint = self.complaints[int(found[1])]
        was_complete = complaint.complete
        complaint.posts[message.channel_id] += 1
        if complaint.complete and not was_complete:
            complaint.complete_after_seconds = at - complaint.posted_at
            self._outstanding -= 1


async def kill_again_and_again(
    slack: FakeSlack, bot: BotProcess, flood: Flood, *, kills: int, complaints: int, seed: int
) -> None:
    """Kill and restart the bot several times during the flood, each time at another moment."""
    chance = random.Random(seed)
    marks = sorted(chance.randrange(complaints * 9 // 10) for _ in range(kills))
    for mark in marks:
        await slack.wait_for(
            lambda mark=mark: len(flood.complaints) - flood.outstanding() >= mark,  # type: ignore[misc]
            f"{mark} complaints being dealt with",
            wall_seconds=_WHOLE_FLOOD,
        )
        await asyncio.sleep(chance.uniform(0.0, 0.3))
        await bot.kill()
        await asyncio.sleep(chance.uniform(0.0, 0.5))
        await bot.start()
