"""Who may wait and who is next, counted in tokens. Nothing here reads a clock or a tensor."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Generic, TypeVar

from foreword.errors import ExhaustedError

Item = TypeVar("Item")

_SHORTEST_RETRY: Final = 0.1
_LONGEST_RETRY: Final = 30.0
_SMOOTHING: Final = 0.1


class TokenBudget:
    """Bounds the tokens that wait. Thread-safe.

    One tenant cannot fill the queue for the others: when it is full, a tenant that holds less than an equal share may
    still enter, so that at most twice `max_tokens` ever wait.

    Args:
        max_tokens: Tokens that may wait. A request that is larger enters when nothing else waits.
    """

    def __init__(self, max_tokens: int) -> None:
        self._lock = threading.Lock()
        self._max_tokens = max_tokens
        self._held: dict[str, int] = {}
        self._total = 0
        self._tokens_per_second = 0.0

    @property
    def total(self) -> int:
        """Tokens that wait now."""
        return self._total

    def take(self, tenant: str, tokens: int) -> None:
        """Lets tokens wait.

        Raises:
            ExhaustedError: There is no room; says when there is likely to be.
        """
        with self._lock:
            held = self._held.get(tenant, 0)
            share = self._max_tokens // max(1, len(self._held) + (0 if held else 1))
            if self._total and self._total + tokens > self._max_tokens and held + tokens > share:
                raise ExhaustedError(
                    f"{self._total} tokens are waiting for the engine, which takes at most {self._max_tokens}. Try "
                    "again later, or raise FOREWORD_MAX_QUEUED_TOKENS.",
                    metadata={"queued_tokens": str(self._total), "max_queued_tokens": str(self._max_tokens)},
                    retry_after=self._retry_after(tokens),
                )
            self._add(tenant, tokens)

    def give(self, tenant: str, tokens: int) -> None:
        """Tokens that no longer wait."""
        with self._lock:
            self._add(tenant, -tokens)

    def resize(self, tenant: str, before: int, after: int) -> None:
        """Replaces an estimate by what it came to."""
        self.give(tenant, before - after)

    def worked(self, tokens: int, seconds: float) -> None:
        """Learns how fast the engine takes tokens."""
        with self._lock:
            rate = tokens / max(seconds, 1e-6)
            known = self._tokens_per_second
            self._tokens_per_second = known + _SMOOTHING * (rate - known) if known else rate

    def _add(self, tenant: str, tokens: int) -> None:
        held = self._held.get(tenant, 0) + tokens
        if held:
            self._held[tenant] = held
        else:
            self._held.pop(tenant, None)
        self._total += tokens

    def _retry_after(self, tokens: int) -> timedelta:
        """Time until so much has been worked off that these tokens fit."""
        excess = self._total + tokens - self._max_tokens
        seconds = excess / self._tokens_per_second if self._tokens_per_second else 1.0
        return timedelta(seconds=min(max(seconds, _SHORTEST_RETRY), _LONGEST_RETRY))


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
        """Lets an item wait.

        Args:
            tokens: What it will take in all, by which tenants get equal shares.
            first: Those of them that it takes as soon as it is handed out; None for all.
        """
        queue = self._waiting.setdefault(tenant, deque())
        if not queue:
            self._clocks[tenant] = max(self._clocks.get(tenant, 0), self._now)
        queue.append(_Waiting(item=item, tokens=tokens, first=tokens if first is None else first))
        self._count += 1

    def pop(self, max_tokens: int, max_items: int) -> list[Item]:
        """The next items, within the limits; always one, however large, if any is allowed and waiting.

        Args:
            max_tokens: Bounds what the items take as soon as they are handed out.
            max_items: 0 hands out none.
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
            # Nobody waits, so nobody is behind: the clocks need not be remembered.
            self._clocks.clear()
            self._now = 0
        return taken

    def remove(self, unwanted: Callable[[Item], bool]) -> list[Item]:
        """Takes out items wherever they stand."""
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
