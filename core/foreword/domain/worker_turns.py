"""Turns of tenants at the workers: pure decisions about the run that a worker takes next.

Tenants share the workers by recent compute time. A tenant's time decays with a half-life, so that a long run in an idle
service does not count against its tenant for ever, and so that a new tenant gets a head start of a few minutes at most.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum

HALF_LIFE = timedelta(minutes=10)
"""Time after which compute time counts half."""

_TURNS_PER_OVERHEAD = 20
"""A turn lasts this many times as long as beginning and ending it, which keeps the overhead below 5 %."""
_LONGEST_TURNS = 4
"""Maximum length of a turn in units of the minimum, however slow its beginning was: it may have been a download, or the
encoding of very many rows, by which no tenant may lengthen its turns much."""


class Standing(IntEnum):
    """Reason why a run waits for a worker, the most urgent first."""

    CANCELLING = 0
    INTERRUPTED = 1
    YIELDED = 2
    QUEUED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingRun:
    """A run that waits for a worker.

    Attributes:
        key: Number of the run; older runs have smaller numbers.
    """

    key: int
    tenant: str
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantUse:
    """A tenant's use of the workers.

    Attributes:
        running: Number of runs that workers hold.
        recent_seconds: Compute time that has decayed until now.
        last_start: Time at which a run of the tenant last started for the first time.
    """

    running: int = 0
    recent_seconds: float = 0.0
    last_start: datetime | None = None


def decayed_seconds(seconds: float, since: timedelta) -> float:
    """Return what is left of compute time after a time. A negative time, of a clock that was set back, counts as 0."""
    return seconds * math.pow(0.5, max(since, timedelta()) / HALF_LIFE)


def order_of_runs(waiting: Sequence[WaitingRun], uses: Mapping[str, TenantUse]) -> list[WaitingRun]:
    """Return waiting runs in the order in which workers take them.

    The runs of the tenant with the fewest running ones come first, then those of the tenant with the least recent
    compute time, then those of the tenant whose last run started longest ago. An interrupted run continues the turn
    that it already had. A cancelled run needs a worker only to end, so it uses no tenant's turn.

    Args:
        uses: Use of the workers by tenant; a missing tenant has not used them.
    """

    def rank(run: WaitingRun) -> tuple[bool, int, bool, float, float, Standing, int]:
        use = uses.get(run.tenant, TenantUse())
        started = use.last_start.timestamp() if use.last_start else float("-inf")
        return (
            run.standing is not Standing.CANCELLING,
            use.running,
            run.standing is not Standing.INTERRUPTED,
            use.recent_seconds,
            started,
            run.standing,
            run.key,
        )

    return sorted(waiting, key=rank)


def runs_to_yield_to(tenant: str, waiting: Sequence[WaitingRun], uses: Mapping[str, TenantUse]) -> list[WaitingRun]:
    """Return the waiting runs that come before a running one if it waits as well, in order.

    Other runs of the same tenant do not count: they wait until this one has ended.

    Args:
        tenant: Tenant of the running run.
        uses: Use of the workers by tenant, including the running run.
    """
    own = WaitingRun(key=0, tenant=tenant, standing=Standing.YIELDED)
    use = uses.get(tenant, TenantUse())
    released = {**uses, tenant: replace(use, running=max(0, use.running - 1))}
    others = [run for run in waiting if run.tenant != tenant]
    order = order_of_runs([own, *others], released)
    return order[: order.index(own)]


def is_turn_over(*, tuned_seconds: float, overhead_seconds: float, turn_seconds: float) -> bool:
    """Return whether a run has had its turn, so that it may yield.

    Args:
        tuned_seconds: Time for which the run has been tuned in this turn.
        overhead_seconds: Time to begin and end a turn: to load the model, encode the rows and write a checkpoint.
        turn_seconds: Minimum length of a turn.
    """
    least = max(turn_seconds, _TURNS_PER_OVERHEAD * overhead_seconds)
    return tuned_seconds >= min(least, _LONGEST_TURNS * turn_seconds)
