"""The bot's clock: an argument everywhere, so that days of Slack's schedules can pass in seconds."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the bot knows of time."""

    def now(self) -> datetime:
        """The time, in aware UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Lets `seconds` of this clock pass; at once when they are 0 or negative."""
        ...

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """An `asyncio.timeout` of `seconds` of this clock; None never ends."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time, in aware UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Lets `seconds` pass."""
        await asyncio.sleep(max(0.0, seconds))

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """An `asyncio.timeout`."""
        return asyncio.timeout(seconds)


class ScaledClock:
    """A clock that runs faster than the machine's.

    Processes that are given the same origin agree on the time, so a bot that is killed and started again goes on
    where it was.

    Args:
        speed: Seconds of this clock in one of the machine's; more than 0.
        origin: Seconds since the epoch at which both clocks show the same time. Default: now.
    """

    def __init__(self, speed: float, *, origin: float | None = None) -> None:
        assert speed > 0
        self.speed = speed
        self.origin = time.time() if origin is None else origin

    def now(self) -> datetime:
        """The scaled time, in aware UTC."""
        start = datetime.fromtimestamp(self.origin, UTC)
        return start + timedelta(seconds=(time.time() - self.origin) * self.speed)

    async def sleep(self, seconds: float) -> None:
        """Lets `seconds` of this clock pass."""
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """An `asyncio.timeout` of `seconds` of this clock."""
        return asyncio.timeout(None if seconds is None else seconds / self.speed)
