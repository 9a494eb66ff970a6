"""Slack's rate limits: one token bucket per method and workspace, and one per channel for posts."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from enum import Enum

from foreword_slack.testing.errors import RateLimitedError


class Tier(Enum):
    """Allowed calls of a method per minute, for each app and workspace.

    See https://docs.slack.dev/apis/web-api/rate-limits.
    """

    TIER_1 = 1
    TIER_2 = 20
    TIER_3 = 50
    TIER_4 = 100
    SPECIAL = 600
    """Hundreds per minute; methods with additional limits check those themselves."""


class RateLimiter:
    """Token buckets on Slack's clock.

    Args:
        now: Returns the time in seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._buckets: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable, *, per_second: float, burst: float) -> None:
        """Take one token from a bucket.

        Raises:
            RateLimitedError: The bucket is empty.
        """
        now = self._now()
        tokens, seen = self._buckets.get(key, (burst, now))
        tokens = min(burst, tokens + (now - seen) * per_second)
        if tokens < 1.0:
            self._buckets[key] = (tokens, now)
            raise RateLimitedError((1.0 - tokens) / per_second)
        self._buckets[key] = (tokens - 1.0, now)

    def take_call(self, team: str, method: str, tier: Tier) -> None:
        """Count a call against its tier; the calls of a minute may come at once.

        Raises:
            RateLimitedError: The calls of the minute are used up.
        """
        self.take((team, method), per_second=tier.value / 60, burst=float(max(tier.value, 5)))
