"""A queue that shares the engine fairly between tenants. It reads neither a clock nor a tensor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting(Generic[Item]):
    item: Item
    tokens: int
    first: int


class FairQueue(Generic[Item]):
    """Waiting items, handed out so that tenants get equal shares of tokens whatever each of them asks for.

    Start-time fair queuing (Goyal et al. 1996): each tenant has a clock that advances by the tokens it is served; the
    tenant whose clock is furthest behind is next, and one that was idle starts at the time of those at work. Within a
    tenant, first come is first served. Not thread-safe.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[_Waiting[Item]]] = {}
        self._clocks: dict[str, int] = {}
        self._now = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def push(self, tenant: str, item: Item, tokens: int, *, first: int | None = None) -> None:
        """Add an item.

        Args:
            tokens: Tokens of the item in all; tenants get equal shares of them.
            first: Tokens that it takes as soon as it is popped; None for all.
        """
        queue = self._waiting.setdefault(tenant, deque())
        if not queue:
            self._clocks[tenant] = max(self._clocks.get(tenant, 0), self._now)
        queue.append(_Waiting(item=item, tokens=tokens, first=tokens if first is None else first))
        self._count += 1

    def pop(self, max_tokens: int, max_items: int) -> list[Item]:
        """Remove the next items within the limits, and at least one if any is allowed and waiting.

        Args:
            max_tokens: Maximum number of tokens that the items take as soon as they are popped.
            max_items: Maximum number of items.
        """
        taken: list[Item] = []
        while self._count and len(taken) < max_items:
            tenant = min(self._waiting, key=self._clocks.__getitem__)
            queue = self._waiting[tenant]
            if taken and queue[0].first > max_tokens:
                break
            waiting = queue.popleft()
            max_tokens -= waiting.first
            taken.append(waiting.item)
            self._count -= 1
            self._now = self._clocks[tenant]
            self._clocks[tenant] += waiting.tokens
            if not queue:
                del self._waiting[tenant]
        if not self._count:
            # The queue is empty, so no tenant is behind, and the clocks can be dropped.
            self._clocks.clear()
            self._now = 0
        return taken

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
        return removed
