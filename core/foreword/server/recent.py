"""A cache of bounded age in front of the database, for what every request asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from cachetools import TTLCache

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class RecentCache(Generic[Key, Value]):
    """Values no older than `max_age_seconds`; requests that miss together load once. Lives on one event loop.

    Errors are not kept. Age counts from before the load, so that a value never lives longer than promised.

    Args:
        max_age_seconds: Also how long a change made by another replica may go unnoticed.
        max_size: Most values kept.
        clock: Monotonic time in seconds.
    """

    def __init__(
        self, max_age_seconds: float, *, max_size: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_age = max_age_seconds
        self._clock = clock
        self._values: TTLCache[Key, tuple[float, Value]] = TTLCache(max_size, max_age_seconds, timer=clock)
        self._loading: dict[Key, asyncio.Task[Value]] = {}

    async def get(self, key: Key, load: Callable[[], Awaitable[Value]]) -> Value:
        """The value of `key`, loaded when there is none young enough."""
        kept = self._values.get(key)
        if kept is not None and self._clock() - kept[0] < self._max_age:
            return kept[1]
        task = self._loading.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._load(key, load))
            self._loading[key] = task
        # Shielded: others may wait for the same load when this caller goes away.
        return await asyncio.shield(task)

    def forget(self, key: Key) -> None:
        """Drops a value that was just changed; a load under way, which may have read the old one, is not kept."""
        self._values.pop(key, None)
        self._loading.pop(key, None)

    def clear(self) -> None:
        """Drops everything."""
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
