"""The journal of a run, for assertions: calls, posts, deliveries and interactions, with times on Slack's clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from foreword_slack.testing.state import Message

_LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of the Web API.

    Attributes:
        at: Time in seconds since the epoch.
        outcome: `ok`, Slack's error code, or the simulated fault.
        arguments: Arguments without the token.
    """

    at: float
    team_id: str
    method: str
    outcome: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to deliver something to the app.

    Attributes:
        at: Time in seconds since the epoch.
        seconds: Time until the acknowledgement or the failure.
        outcome: `acked`, `ack_lost`, or Slack's retry reason: `http_timeout`, `http_error`, `connection_failed`, ...
        socket: Number of the Socket Mode connection; 0 over HTTP.
    """

    at: float
    seconds: float
    outcome: str
    socket: int = 0

    @property
    def reached_the_app(self) -> bool:
        """True if the app acknowledged it, even if the acknowledgement was lost."""
        return self.outcome in ("acked", "ack_lost")


@dataclass(slots=True, kw_only=True)
class Delivery:
    """The delivery of an event, interaction or command to the app.

    Attributes:
        kind: `event_callback`, `block_actions`, `view_submission`, `slash_commands`, ...
        payload: The delivered content.
        ended: Whether no further attempt will follow.
    """

    kind: str
    payload: dict[str, Any]
    attempts: list[Attempt] = field(default_factory=list)
    ended: bool = False

    @property
    def acked(self) -> bool:
        """True if the app acknowledged it in time."""
        return any(attempt.outcome == "acked" for attempt in self.attempts)

    @property
    def lost(self) -> bool:
        """True if Slack gave up without any acknowledgement of the app."""
        return self.ended and not any(attempt.reached_the_app for attempt in self.attempts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A message that the app posted or showed to one user."""

    at: float
    message: Message


class Journal:
    """The record of everything that happened.

    Attributes:
        calls: Calls of the Web API in order; the oldest are dropped beyond `max_calls`.
        posts: Messages of the app in order, including deleted ones.
        deliveries: Events, interactions and commands in order.
        shown_errors: Errors that users saw, such as `operation_timeout` after a click.
    """

    def __init__(self, *, max_calls: int = 200_000) -> None:
        self._max_calls = max_calls
        self._changed = asyncio.Event()
        self.calls: list[Call] = []
        self.posts: list[Post] = []
        self.deliveries: list[Delivery] = []
        self.shown_errors: list[str] = []

    def add_call(self, call: Call) -> None:
        """Record a call."""
        self.calls.append(call)
        if len(self.calls) > self._max_calls:
            del self.calls[: self._max_calls // 10]
        self.changed()

    def add_post(self, at: float, message: Message) -> None:
        """Record a message of the app."""
        self.posts.append(Post(at=at, message=message))
        self.changed()

    def add_delivery(self, delivery: Delivery) -> None:
        """Record a delivery to the app."""
        self.deliveries.append(delivery)
        self.changed()

    def add_shown_error(self, text: str) -> None:
        """Record an error that a user saw."""
        self.shown_errors.append(text)
        self.changed()

    def posts_in(self, channel: str) -> list[Message]:
        """Return the app's messages in a channel in order, without ephemeral ones."""
        return [post.message for post in self.posts if post.message.channel_id == channel and not post.message.shown_to]

    def calls_of(self, method: str) -> list[Call]:
        """Return the calls of a method in order."""
        return [call for call in self.calls if call.method == method]

    def ack_seconds(self) -> list[float]:
        """Return the time that each acknowledgement took, in seconds of Slack's clock."""
        attempts: Iterable[Attempt] = (attempt for delivery in self.deliveries for attempt in delivery.attempts)
        return [attempt.seconds for attempt in attempts if attempt.reached_the_app]

    def changed(self) -> None:
        """Wake all waiting tasks, so that they check their conditions again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for(self, condition: Callable[[], bool], *, what: str, wall_seconds: float) -> None:
        """Wait until a condition holds; it is checked after each change, and often, as it may concern the bot.

        Raises:
            TimeoutError: It does not hold within `wall_seconds` of real time.
        """
        try:
            async with asyncio.timeout(wall_seconds):
                while not condition():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), _LOOK_SECONDS)
        except TimeoutError:
            raise TimeoutError(f"{what} did not happen within {wall_seconds:g} s; {self.summary()}") from None

    def summary(self) -> str:
        """Return the latest calls and deliveries, for the message of a failed wait."""
        calls = [f"{call.method}={call.outcome}" for call in self.calls[-8:]]
        deliveries = [
            f"{item.kind}={item.attempts[-1].outcome if item.attempts else 'in progress'}"
            for item in self.deliveries[-4:]
        ]
        return f"last calls: {', '.join(calls) or 'none'}; last deliveries: {', '.join(deliveries) or 'none'}"
