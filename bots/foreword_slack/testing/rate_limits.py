"""Slack's rate limits: calls per method and workspace in any minute, and one post a second per channel."""

from __future__ import annotations

from collections import defaultdict, deque
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
    """The calls of the last minute, by Slack's clock.

    Slack promises no more than the published calls of a minute, and tolerates bursts without a promise. The fake
    tolerates none beyond the minute.

    Args:
        now: Returns the time in seconds since the epoch.
        factor: Number by which the calls of every tier are multiplied.
    """

    def __init__(self, now: Callable[[], float], *, factor: float = 1.0) -> None:
        self._now, self._factor = now, factor
        self._calls: defaultdict[Hashable, deque[float]] = defaultdict(deque)

    def take(self, key: Hashable, *, calls: int, seconds: float) -> None:
        """Count a call against a maximum number of calls in any interval of some seconds.

        Raises:
            RateLimitedError: The interval has as many already.
        """
        now, taken = self._now(), self._calls[key]
        while taken and taken[0] <= now - seconds:
            taken.popleft()
        if len(taken) >= calls:
            raise RateLimitedError(taken[0] + seconds - now)
        taken.append(now)

    def take_call(self, team: str, method: str, tier: Tier) -> None:
        """Count a call against its tier.

        Raises:
            RateLimitedError: The calls of the minute are used up.
        """
        self.take((team, method), calls=max(1, round(tier.value * self._factor)), seconds=60.0)
