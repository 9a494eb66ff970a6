"""A queue that gives tenants equal shares of the work. It reads neither a clock nor a tensor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

_KEPT_CLOCKS: Final = 64
"""Clocks of tenants without items that are kept before those that no longer matter are dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting(Generic[Item]):
    item: Item
    cost: float
    first: float


class FairQueue(Generic[Item]):
    """Waiting items, handed out so that tenants get equal shares of the cost whatever each of them asks for.

    Start-time fair queuing (Goyal et al. 1996): each tenant has a clock that advances by the cost of what it is served;
    the tenant whose clock is furthest behind is next, and one that was idle starts at the time of those at work. Within
    a tenant, first come is first served. Not thread-safe.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[_Waiting[Item]]] = {}
        self._clocks: dict[str, float] = {}
        self._now = 0.0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def counts(self) -> dict[str, int]:
        """Number of waiting items of each tenant that has any."""
        return {tenant: len(queue) for tenant, queue in self._waiting.items()}

    def push(self, tenant: str, item: Item, cost: float, *, first: float | None = None) -> None:
        """Add an item.

        Args:
            cost: Cost of the item in all, such as tokens or seconds; tenants get equal shares of it.
            first: Part of the cost that counts against the limit of `pop`; None for all.
        """
        queue = self._waiting.setdefault(tenant, deque())
        if not queue:
            self._clocks[tenant] = max(self._clocks.get(tenant, 0.0), self._now)
        queue.append(_Waiting(item=item, cost=cost, first=cost if first is None else first))
        self._count += 1

    def put_back(self, tenant: str, item: Item, cost: float, *, first: float, taken: float) -> None:
        """Add the rest of an item that was popped, in front of the tenant's others.

        Args:
            cost: Cost of the rest, or of its next part.
            first: Part of the cost that counts against the limit of `pop`.
            taken: Cost with which the item was popped. It still counts if the queue was empty in the meantime.
        """
        self._clocks[tenant] = max(self._clocks.get(tenant, taken), self._now)
        self._waiting.setdefault(tenant, deque()).appendleft(_Waiting(item=item, cost=cost, first=first))
        self._count += 1

    def pop(self, max_cost: float, max_items: int) -> list[Item]:
        """Remove the next items within the limits, and at least one if any is allowed and waiting.

        Args:
            max_cost: Maximum sum of the first parts of the costs.
            max_items: Maximum number of items.
        """
        taken: list[Item] = []
        while self._waiting and len(taken) < max_items:
            tenant = min(self._waiting, key=self._clocks.__getitem__)
            first = self._waiting[tenant][0].first
            if taken and first > max_cost:
                break
            max_cost -= first
            taken.append(self._take(tenant))
        return taken

    def pop_next(self, allowed: Callable[[str], bool]) -> tuple[str, Item] | None:
        """Remove the next item of the tenants that may be served now, and return its tenant and it; None if none may.

        Args:
            allowed: Returns whether a tenant may be served.
        """
        tenants = [tenant for tenant in self._waiting if allowed(tenant)]
        if not tenants:
            return None
        tenant = min(tenants, key=self._clocks.__getitem__)
        return tenant, self._take(tenant)

    def charge(self, tenant: str, cost: float) -> None:
        """Correct the cost of items that were popped before, by the difference between the real and the given cost.

        While nothing waits, no tenant is behind and the correction has no effect.
        """
        if self._count:
            self._clocks[tenant] = max(self._clocks.get(tenant, 0.0), self._now) + cost

    def remove(self, unwanted: Callable[[Item], bool]) -> list[Item]:
        """Remove items wherever they stand."""
        removed: list[Item] = []
        for tenant in list(self._waiting):
            kept: deque[_Waiting[Item]] = deque()
            for waiting in self._waiting[tenant]:
                if unwanted(waiting.item):
                    removed.append(waiting.item)
                else:
                    kept.append(waiting)
            self._waiting[tenant] = kept
            if not kept:
                del self._waiting[tenant]
        self._count -= len(removed)
        self._forget_idle()
        return removed

    def discard(self, tenant: str, item: Item) -> bool:
        """Remove one item of a tenant. Return whether it was waiting."""
        queue = self._waiting.get(tenant, deque())
        for place, waiting in enumerate(queue):
            if waiting.item is item:
                del queue[place]
                break
        else:
            return False
        if not queue:
            del self._waiting[tenant]
        self._count -= 1
        self._forget_idle()
        return True

    def _take(self, tenant: str) -> Item:
        """Remove the first item of a tenant and advance the clocks."""
        # The tenant furthest behind, which is another one if that may not be served now. It keeps its place.
        self._now = max(self._now, min(self._clocks[waiting] for waiting in self._waiting))
        queue = self._waiting[tenant]
        taken = queue.popleft()
        self._count -= 1
        self._clocks[tenant] += taken.cost
        if not queue:
            del self._waiting[tenant]
        self._forget_idle()
        return taken.item

    def _forget_idle(self) -> None:
        """Drop the clocks that no longer matter."""
        if not self._count:
            # The queue is empty, so no tenant is behind.
            self._clocks.clear()
            self._now = 0.0
        elif len(self._clocks) > len(self._waiting) + _KEPT_CLOCKS:
            self._clocks = {
                tenant: clock for tenant, clock in self._clocks.items() if clock > self._now or tenant in self._waiting
            }
