"""Ids in Slack's format."""

from __future__ import annotations

import itertools
from collections.abc import Callable


class Ids:
    """A generator of ids that look like Slack's and are the same in every run."""

    def __init__(self) -> None:
        self._counter = itertools.count(1)

    def next(self, prefix: str) -> str:
        """Return the next id, such as `C0000000001`."""
        return f"{prefix}{next(self._counter):010X}"


class MessageTimes:
    """A generator of message ids, which are unique times.

    Args:
        now: Returns the time in seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._last_micros = 0

    def next(self) -> str:
        """Return the next `ts`, such as `1700000000.000100`."""
        self._last_micros = max(int(self._now() * 1e6), self._last_micros + 1)
        return f"{self._last_micros // 1_000_000}.{self._last_micros % 1_000_000:06d}"
