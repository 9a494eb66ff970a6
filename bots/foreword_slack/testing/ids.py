"""Ids as Slack gives them."""

from __future__ import annotations

import itertools
from collections.abc import Callable


class Ids:
    """Ids that look like Slack's, and repeat from run to run."""

    def __init__(self) -> None:
        self._counter = itertools.count(1)

    def next(self, prefix: str) -> str:
        """The next id: `C0000000001`."""
        return f"{prefix}{next(self._counter):010X}"


class MessageTimes:
    """Message ids: the time, made unique.

    Args:
        now: Seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._last_micros = 0

    def next(self) -> str:
        """The next `ts`: `1700000000.000100`."""
        self._last_micros = max(int(self._now() * 1e6), self._last_micros + 1)
        return f"{self._last_micros // 1_000_000}.{self._last_micros % 1_000_000:06d}"
