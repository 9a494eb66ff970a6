"""A cache with a maximum age in front of the database, for lookups of every request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

from cachetools import TTLCache

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class RecentCache(Generic[Key, Value]):
    """A cache of values no older than `max_age_seconds`, on one event loop. Concurrent misses share one load.

    Errors are not cached. The age of a value starts before its load, so that it is never older than the limit.

    Args:
        max_age_seconds: Maximum age, which is also the maximum delay until a change by another replica is noticed.
        max_size: Maximum number of values.
        clock: Clock of monotonic time in seconds.
    """

    def __init__(
        self, max_age_seconds: float, *, max_size: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_age = max_age_seconds
        self._clock = clock
        self._values: TTLCache[Key, tuple[float, Value]] = TTLCache(max_size, max_age_seconds, timer=clock)
        self._loading: dict[Key, asyncio.Task[Value]] = {}

    async def get(self, key: Key, load: Callable[[], Awaitable[Value]]) -> Value:
        """Return the value of `key`. Load it if the cache has none that is recent enough."""
        kept = self._values.get(key)
        if kept is not None and self._clock() - kept[0] < self._max_age:
            return kept[1]
        task = self._loading.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._load(key, load))
            task.add_done_callback(_take_error)
            self._loading[key] = task
        # Shielded, because others may wait for the same load when this caller is cancelled.
        return await asyncio.shield(task)

    def forget(self, key: Key) -> None:
        """Drop a value that was just changed, and the result of a running load, which may have read the old value."""
        self._values.pop(key, None)
        self._loading.pop(key, None)

    def clear(self) -> None:
        """Drop all values."""
        self._values.clear()
        self._loading.clear()

    async def _load(self, key: Key, load: Callable[[], Awaitable[Value]]) -> Value:
        started = self._clock()
        task = asyncio.current_task()
        try:
            value = await load()
            if self._loading.get(key) is task:
                self._values[key] = (started, value)
            return value
        finally:
            if self._loading.get(key) is task:
                del self._loading[key]


def _take_error(load: asyncio.Task[Any]) -> None:
    """Take the error of a load whose callers may all have gone: asyncio would log it, with the names in its message."""
    if not load.cancelled():
        load.exception()
