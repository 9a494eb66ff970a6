"""Limits on how often something may happen. They read no clock."""

from __future__ import annotations

from typing import Final

from cachetools import LRUCache

_MAX_KEYS: Final = 10_000


class TokenBuckets:
    """Token buckets by key. The least recently used ones are dropped, so that memory is bounded.

    Args:
        per_second: Tokens that flow into each bucket.
        capacity: Tokens that a bucket holds at most, and at first.
    """

    def __init__(self, *, per_second: float, capacity: float) -> None:
        self._per_second = per_second
        self._capacity = capacity
        self._buckets: LRUCache[str, tuple[float, float]] = LRUCache(_MAX_KEYS)

    def take(self, key: str, now: float) -> bool:
        """Take a token. Return whether there was one.

        Args:
            now: Monotonic time in seconds.
        """
        tokens = self._tokens(key, now)
        taken = tokens >= 1
        self._buckets[key] = (tokens - taken, now)
        return taken

    def wait_seconds(self, key: str, now: float) -> float:
        """Return the time until the bucket has a token; 0 if it has one."""
        return max(0.0, (1 - self._tokens(key, now)) / self._per_second)

    def _tokens(self, key: str, now: float) -> float:
        tokens, moment = self._buckets.get(key, (self._capacity, now))
        return min(self._capacity, tokens + (now - moment) * self._per_second)
