"""The time for which the caller of a canary waits before the stable revision begins to answer as well."""

from __future__ import annotations

from typing import Final

from foreword.domain.rollout import CanaryPlan
from foreword.domain.rollout_figures import RevisionFigures

_SHORTEST_SECONDS: Final = 2.0
"""A canary is not given up for a hiccup, such as the first load of its artifact."""
_UNKNOWN_SECONDS: Final = 10.0
"""Wait while nothing is known of the stable revision."""
_LONGEST_EXTRA_SECONDS: Final = 60.0
"""Limit of the time beyond that of the stable revision, for plans that allow a very slow canary."""
_SHARE_OF_DEADLINE: Final = 0.25
"""Part of the time of a caller with a deadline. The stable revision has the rest."""


def longest_wait_seconds(plan: CanaryPlan, stable: RevisionFigures) -> float:
    """Return for how long a caller without a deadline waits for a canary.

    It is the time in which the stable revision answers 99 % of its requests, times the limit of latency: whoever takes
    longer violates that limit.

    Args:
        stable: Figures of the stable revision in the same rollout.
    """
    slowest = stable.slowest_seconds
    if slowest is None:
        return _UNKNOWN_SECONDS
    allowed = min(slowest * plan.max_latency_ratio, slowest + _LONGEST_EXTRA_SECONDS)
    return max(_SHORTEST_SECONDS, allowed)


def wait_seconds(longest_seconds: float, remaining_seconds: float | None) -> float:
    """Return for how long a caller waits for a canary.

    Args:
        longest_seconds: What `longest_wait_seconds` returns.
        remaining_seconds: Time until the caller's deadline; None for none.
    """
    if remaining_seconds is None:
        return longest_seconds
    return min(longest_seconds, max(0.0, remaining_seconds * _SHARE_OF_DEADLINE))
