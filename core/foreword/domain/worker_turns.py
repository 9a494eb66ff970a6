"""Turns of tenants at the workers: pure decisions about the runs that a worker takes, and about those that it leaves.

Tenants share the workers by recent compute time. A tenant's time decays with a half-life, so that a long run in an idle
service does not count against its tenant for ever, and so that a new tenant gets a head start of a few minutes at most.

A worker tunes the runs of one base model together, as its company. Runs join and leave the company one by one. For a
run of another base model the company ends its turn as a whole, because a worker tunes one base model at a time; so it
does for a run that can be tuned only alone, which is a company of its own.
"""

from __future__ import annotations

import math
from collections import Counter
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
        company: Runs of the same one may be tuned together: the id of the base model, or one of its own for a run that
            can be tuned only alone.
        is_background: Whether it comes after other runs of its tenant.
    """

    key: int
    tenant: str
    company: str
    standing: Standing
    is_background: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRun:
    """A run that a worker has.

    Attributes:
        had_turn: Whether it has had its turn, so that it may leave its place to another run.
        is_background: Whether it leaves its place to other runs of its own tenant as well.
    """

    key: int
    tenant: str
    had_turn: bool
    is_background: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """An exchange of runs at a worker.

    Attributes:
        leaving: Keys of the runs that yield: one, or the whole company.
        following: The runs of which the first one that can be leased comes, in order.
    """

    leaving: frozenset[int]
    following: tuple[WaitingRun, ...]


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
    compute time, then those of the tenant whose last run started longest ago. Of one tenant, background runs come last.
    An interrupted run continues the turn
    that it already had. A cancelled run needs a worker only to end, so it uses no tenant's turn.

    Args:
        uses: Use of the workers by tenant; a missing tenant has not used them.
    """

    def rank(run: WaitingRun) -> tuple[bool, int, bool, float, float, bool, Standing, int]:
        use = uses.get(run.tenant, TenantUse())
        started = use.last_start.timestamp() if use.last_start else float("-inf")
        return (
            run.standing is not Standing.CANCELLING,
            use.running,
            run.standing is not Standing.INTERRUPTED,
            use.recent_seconds,
            started,
            run.is_background,
            run.standing,
            run.key,
        )

    return sorted(waiting, key=rank)


def runs_to_join(company: str, waiting: Sequence[WaitingRun], uses: Mapping[str, TenantUse]) -> list[WaitingRun]:
    """Return the waiting runs that may join a company, in order.

    A run does not overtake one of its own tenant that waits for another company: otherwise, a tenant that keeps
    queueing runs of one base model would never get to its others.

    Args:
        company: Id of the company.
        waiting: At least the first run of each tenant and company.
        uses: Use of the workers by tenant.
    """
    joining = [
        run
        for run in waiting
        if run.company == company
        and not any(
            other.tenant == run.tenant
            and other.company != company
            and (other.is_background, other.standing, other.key) < (run.is_background, run.standing, run.key)
            for other in waiting
        )
    ]
    return order_of_runs(joining, uses)


def runs_to_yield_to(
    held: Sequence[HeldRun], waiting: Sequence[WaitingRun], uses: Mapping[str, TenantUse]
) -> list[WaitingRun]:
    """Return the waiting runs that come before all of some running ones if these wait as well, in order.

    Other runs of the same tenants do not count: they wait until these have ended, unless all of these are background
    runs.

    Args:
        held: The running runs.
        uses: Use of the workers by tenant, including the running runs.
    """
    tenants = [run.tenant for run in held]
    busy = {run.tenant for run in held if not run.is_background}
    own = [
        WaitingRun(key=0, tenant=tenant, company="", standing=Standing.YIELDED, is_background=tenant not in busy)
        for tenant in dict.fromkeys(tenants)
    ]
    released = dict(uses)
    for tenant, count in Counter(tenants).items():
        use = uses.get(tenant, TenantUse())
        released[tenant] = replace(use, running=max(0, use.running - count))
    others = [run for run in waiting if run.tenant not in tenants or (run.tenant not in busy and not run.is_background)]
    order = order_of_runs([*own, *others], released)
    return order[: min(order.index(run) for run in own)]


def choose_exchange(
    held: Sequence[HeldRun],
    waiting: Sequence[WaitingRun],
    uses: Mapping[str, TenantUse],
    *,
    company: str,
    had_turn: bool,
    is_full: bool,
) -> Exchange | None:
    """Return the exchange that the tenants' shares ask for; None if the company goes on as it is.

    A run of the same company takes the place of one run, and only if no place is free: otherwise it joins. The run
    that leaves belongs to the tenant with the most running runs, then to the one with the most recent compute time.

    Args:
        held: The runs that the worker has, at least one.
        waiting: Runs that have waited for so long that no other worker can be free.
        uses: Use of the workers by tenant, including the company's.
        company: Id of the company of the held runs.
        had_turn: Whether the company has had its turn at the worker, so that it may end as a whole.
        is_full: Whether no further run can join.
    """
    exchanges: list[Exchange] = []
    if had_turn:
        others = [run for run in waiting if run.company != company]
        following = runs_to_yield_to(held, others, uses)
        exchanges.append(Exchange(leaving=frozenset(run.key for run in held), following=tuple(following)))
    if is_full:
        alike = [run for run in waiting if run.company == company]
        for run in sorted(held, key=lambda run: _claim(run, uses)):
            if run.had_turn:
                following = runs_to_yield_to([run], alike, uses)
                exchanges.append(Exchange(leaving=frozenset({run.key}), following=tuple(following)))
    wanted = [exchange for exchange in exchanges if exchange.following]
    if not wanted:
        return None
    first = order_of_runs([exchange.following[0] for exchange in wanted], uses)[0]
    return next(exchange for exchange in wanted if exchange.following[0] == first)


def _claim(run: HeldRun, uses: Mapping[str, TenantUse]) -> tuple[int, float, int]:
    """Return a run's claim to its place: the smallest leaves first, and of one tenant's runs the newest."""
    use = uses.get(run.tenant, TenantUse())
    return -use.running, -use.recent_seconds, -run.key


def is_turn_over(*, tuned_seconds: float, overhead_seconds: float, turn_seconds: float) -> bool:
    """Return whether a run or a company has had its turn, so that it may yield.

    Args:
        tuned_seconds: Time for which it has been tuned in this turn.
        overhead_seconds: Time to begin and end a turn: to load the model, encode the rows and write a checkpoint.
        turn_seconds: Minimum length of a turn.
    """
    least = max(turn_seconds, _TURNS_PER_OVERHEAD * overhead_seconds)
    return tuned_seconds >= min(least, _LONGEST_TURNS * turn_seconds)
