"""What has happened, for assertions: calls, posts, deliveries and interactions, with their times on Slack's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from foreword_slack.testing.state import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of the Web API.

    Attributes:
        at: Seconds since the epoch.
        outcome: `ok`, Slack's error code, or the fault that it met.
        arguments: Without the token.
    """

    at: float
    team_id: str
    method: str
    outcome: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to deliver something to the app.

    Attributes:
        at: Seconds since the epoch.
        seconds: Until the acknowledgement or the failure.
        outcome: `acked`, `ack_lost`, or Slack's retry reason: `http_timeout`, `http_error`, `connection_failed`, ...
        socket: Number of the Socket Mode connection; 0 over HTTP.
    """

    at: float
    seconds: float
    outcome: str
    socket: int = 0

    @property
    def reached_the_app(self) -> bool:
        """Whether the app has answered, heard or not."""
        return self.outcome in ("acked", "ack_lost")


@dataclass(slots=True, kw_only=True)
class Delivery:
    """An event, interaction or command on its way to the app.

    Attributes:
        kind: `event_callback`, `block_actions`, `view_submission`, `slash_commands`, ...
        payload: What is delivered.
        ended: Whether nothing more will be tried.
    """

    kind: str
    payload: dict[str, Any]
    attempts: list[Attempt] = field(default_factory=list)
    ended: bool = False

    @property
    def acked(self) -> bool:
        """Whether the app has acknowledged it in time."""
        return any(attempt.outcome == "acked" for attempt in self.attempts)

    @property
    def lost(self) -> bool:
        """Whether Slack has given up, and the app has never answered."""
        return self.ended and not any(attempt.reached_the_app for attempt in self.attempts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A message that the app has posted, or an ephemeral one that it has shown."""

    at: float
    message: Message


class Journal:
    """All that has happened.

    Attributes:
        calls: Calls of the Web API, in order; the newest `most_calls`.
        posts: Messages of the app, in order, also those it deleted since.
        deliveries: Events, interactions and commands, in order.
        shown_errors: What a user has seen go wrong: `operation_timeout` after a click, say.
    """

    def __init__(self, *, most_calls: int = 200_000) -> None:
        self._most_calls = most_calls
        self._changed = asyncio.Event()
        self.calls: list[Call] = []
        self.posts: list[Post] = []
        self.deliveries: list[Delivery] = []
        self.shown_errors: list[str] = []

    def add_call(self, call: Call) -> None:
        """Notes a call."""
        self.calls.append(call)
        if len(self.calls) > self._most_calls:
            del self.calls[: self._most_calls // 10]
        self.changed()

    def add_post(self, at: float, message: Message) -> None:
        """Notes a message of the app."""
        self.posts.append(Post(at=at, message=message))
        self.changed()

    def add_delivery(self, delivery: Delivery) -> None:
        """Notes something that goes to the app."""
        self.deliveries.append(delivery)
        self.changed()

    def add_shown_error(self, text: str) -> None:
        """Notes what a user saw go wrong."""
        self.shown_errors.append(text)
        self.changed()

    def posts_in(self, channel: str) -> list[Message]:
        """The app's messages in a channel, in order, without ephemeral ones."""
        return [post.message for post in self.posts if post.message.channel_id == channel and not post.message.shown_to]

    def calls_of(self, method: str) -> list[Call]:
        """The calls of a method, in order."""
        return [call for call in self.calls if call.method == method]

    def ack_seconds(self) -> list[float]:
        """The time that each acknowledgement took, in seconds of Slack's clock."""
        attempts: Iterable[Attempt] = (attempt for delivery in self.deliveries for attempt in delivery.attempts)
        return [attempt.seconds for attempt in attempts if attempt.reached_the_app]

    def changed(self) -> None:
        """Wakes those who wait."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for(self, condition: Callable[[], bool], *, what: str, wall_seconds: float) -> None:
        """Waits until a condition holds; it is asked again after each change.

        Raises:
            TimeoutError: It does not hold within `wall_seconds` of the machine's clock.
        """
        try:
            async with asyncio.timeout(wall_seconds):
                while not condition():
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"{what} did not happen within {wall_seconds:g} s; {self.summary()}") from None

    def summary(self) -> str:
        """The last that happened, for the message of a failed wait."""
        calls = [f"{call.method}={call.outcome}" for call in self.calls[-8:]]
        deliveries = [
            f"{item.kind}={item.attempts[-1].outcome if item.attempts else 'under way'}"
            for item in self.deliveries[-4:]
        ]
        return f"last calls: {', '.join(calls) or 'none'}; last deliveries: {', '.join(deliveries) or 'none'}"
