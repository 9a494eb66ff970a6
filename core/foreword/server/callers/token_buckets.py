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


class DebtBuckets:
    """Token buckets by key, from which more can be taken than they hold: what something costs is known afterwards.

    A bucket holds the tokens of a second, but at least one. Each call states the rate, because rates may change.
    """

    def __init__(self) -> None:
        self._buckets: LRUCache[str, tuple[float, float]] = LRUCache(_MAX_KEYS)

    def wait_seconds(self, key: str, per_second: float, now: float) -> float:
        """Return the time until the bucket has a token; 0 if it has one.

        Args:
            now: Monotonic time in seconds.
        """
        return max(0.0, (1 - self._tokens(key, per_second, now)) / per_second)

    def full_seconds(self, key: str, per_second: float, now: float) -> float:
        """Return the time until the bucket is full."""
        return (capacity_of(per_second) - self._tokens(key, per_second, now)) / per_second

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the buckets."""
        return frozenset(self._buckets)

    def forget(self, key: str) -> None:
        """Drop a bucket."""
        self._buckets.pop(key, None)

    def take(self, key: str, amount: float, per_second: float, now: float) -> None:
        """Take tokens, whether or not the bucket holds as many."""
        self._buckets[key] = (self._tokens(key, per_second, now) - amount, now)

    def _tokens(self, key: str, per_second: float, now: float) -> float:
        capacity = capacity_of(per_second)
        tokens, moment = self._buckets.get(key, (capacity, now))
        # Rounded, so that a token is there after the time that `wait_seconds` has returned.
        return min(capacity, round(tokens + (now - moment) * per_second, 9))


def capacity_of(per_second: float) -> float:
    """Return how many tokens may be taken at once."""
    return max(1.0, per_second)
