"""The decision which call starts next on a pool of threads: state in, decision out. It reads no clock."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Final, Generic, TypeVar

from foreword.errors import ExhaustedError
from foreword.names import TenantName
from foreword.turns.fair_queue import FairQueue
from foreword.turns.shares import exceeds_share

Item = TypeVar("Item")

_SHORTEST_RETRY: Final = 0.1
_LONGEST_RETRY: Final = 30.0
_SMOOTHING: Final = 0.1


class TurnSchedule(Generic[Item]):
    """The calls of a pool that wait and those that run, and the order in which they start.

    Tenants get equal shares of the cost. No tenant can hold all threads: one thread stays free for others as long as a
    tenant is alone, and while several tenants are active, each starts calls on at most an equal share of the threads,
    and at least one. Not thread-safe.

    Args:
        threads: Number of calls that run at once.
        max_waiting: Number of calls that may wait; see `exceeds_share`.
    """

    def __init__(self, *, threads: int, max_waiting: int) -> None:
        self._threads = threads
        self._max_waiting = max_waiting
        self._queue: FairQueue[Item] = FairQueue()
        self._running: Counter[str] = Counter()
        self._mean_seconds = 0.0

    @property
    def waiting(self) -> int:
        """Number of calls that wait."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """Number of calls that run."""
        return self._running.total()

    def add(self, tenant: str, item: Item, cost: float) -> None:
        """Let a call wait for its turn.

        Args:
            cost: Estimated cost in seconds.

        Raises:
            ExhaustedError: Too many calls of the tenant wait; `retry_after` estimates when there is room.
        """
        counts = self._queue.counts
        if exceeds_share(counts, tenant, 1, self._max_waiting):
            raise ExhaustedError(
                f"{counts.get(tenant, 0):,} calls of this tenant wait for their turn, which is its share of "
                f"{self._max_waiting:,}. Send fewer requests at once, or try again later.",
                reason="TOO_MANY_WAITING_CALLS",
                metadata={"limit": str(self._max_waiting)},
                retry_after=self._retry_after(),
                quota=str(TenantName(tenant)),
            )
        self._queue.push(tenant, item, cost)

    def next(self) -> tuple[str, Item] | None:
        """Return the call to start now, with its tenant; None if all have to wait. It counts as running."""
        if self.running >= self._threads:
            return None
        counts = self._queue.counts
        active = counts.keys() | self._running.keys()
        share = max(1, self._threads // len(active) if len(active) > 1 else self._threads - 1)
        found = self._queue.pop_next(lambda tenant: self._running[tenant] < share)
        if found is not None:
            self._running[found[0]] += 1
        return found

    def charge(self, tenant: str, cost: float) -> None:
        """Charge a running call for more than its estimated cost.

        Args:
            cost: Cost in seconds.
        """
        self._queue.charge(tenant, cost)

    def others_wait(self, tenant: str) -> bool:
        """Return whether calls of other tenants wait."""
        waiting = self._queue.counts
        return len(waiting) > (tenant in waiting)

    def renew(self, tenant: str, item: Item, cost: float) -> tuple[str, Item] | None:
        """Let a running call wait for another turn in front of the tenant's other calls, and return the next call.

        Args:
            cost: Estimated cost of the other turn in seconds.
        """
        self._stop(tenant)
        self._queue.put_back(tenant, item, cost, first=cost, taken=cost)
        return self.next()

    def resume(self, tenant: str, item: Item) -> None:
        """Let a call run again at once that waits for another turn."""
        waited = self._queue.discard(tenant, item)
        assert waited
        self._running[tenant] += 1

    def finish(self, tenant: str, charged: float, paid: float) -> None:
        """Note that a call has ended, and charge the difference between its real cost and what it was charged.

        Args:
            charged: Cost that was charged before, in seconds.
            paid: Real cost in seconds.
        """
        self._stop(tenant)
        self._queue.charge(tenant, paid - charged)
        known = self._mean_seconds
        self._mean_seconds = known + _SMOOTHING * (paid - known) if known else paid

    def remove(self, tenant: str, item: Item) -> bool:
        """Remove a waiting call. Return whether it was waiting."""
        return self._queue.discard(tenant, item)

    def clear(self) -> list[Item]:
        """Remove and return all waiting calls."""
        return self._queue.remove(lambda _: True)

    def _stop(self, tenant: str) -> None:
        self._running[tenant] -= 1
        if not self._running[tenant]:
            del self._running[tenant]

    def _retry_after(self) -> timedelta:
        """Estimate the time until a quarter of the waiting calls has started."""
        seconds = self._mean_seconds * len(self._queue) / (4 * self._threads)
        return timedelta(seconds=min(max(seconds, _SHORTEST_RETRY), _LONGEST_RETRY))
