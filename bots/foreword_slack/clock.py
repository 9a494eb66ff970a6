"""The bot's clock, passed everywhere as an argument, so that tests can let days pass in seconds."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A source of time, sleeps and timeouts."""

    def now(self) -> datetime:
        """Return the time as an aware datetime in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Sleep for `seconds` of this clock; return at once if they are 0 or negative."""
        ...

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """Return an `asyncio.timeout` of `seconds` of this clock; None never expires."""
        ...


class SystemClock:
    """The system clock."""

    def now(self) -> datetime:
        """Return the time as an aware datetime in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Sleep for `seconds`."""
        await asyncio.sleep(max(0.0, seconds))

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """Return an `asyncio.timeout`."""
        return asyncio.timeout(seconds)


class ScaledClock:
    """A clock that runs faster than the system clock.

    Processes with the same origin agree on the time, so a bot that is killed and restarted continues at the right
    time.

    Args:
        speed: Seconds of this clock in one second of the system clock; more than 0.
        origin: Seconds since the epoch at which both clocks show the same time. Default: now.
    """

    def __init__(self, speed: float, *, origin: float | None = None) -> None:
        assert speed > 0
        self.speed = speed
        self.origin = time.time() if origin is None else origin

    def now(self) -> datetime:
        """Return the scaled time as an aware datetime in UTC."""
        start = datetime.fromtimestamp(self.origin, UTC)
        return start + timedelta(seconds=(time.time() - self.origin) * self.speed)

    async def sleep(self, seconds: float) -> None:
        """Sleep for `seconds` of this clock."""
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """Return an `asyncio.timeout` of `seconds` of this clock."""
        return asyncio.timeout(None if seconds is None else seconds / self.speed)
