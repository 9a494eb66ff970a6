"""When API keys were last used, written to the database in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from cachetools import LRUCache

from foreword.errors import UnavailableError
from foreword.observability.logging import get_logger
from foreword.server.calls.pools import WRITE_SECONDS
from foreword.storage.repositories.tenants import TenantRepository
from foreword.turns.turn_pool import SERVICE, TurnPool

_WRITE_EVERY_SECONDS: Final = 60.0
_MAX_KEYS: Final = 10_000
_BATCH: Final = 200
"""Keys that are written in one transaction, so that others can write in between."""
_log = get_logger("auth")


class LastUses:
    """The last uses of keys since they were last written, on one event loop.

    Args:
        tenants: Repository of the keys.
        storage: Runs the writes.
        now: Returns the wall-clock time.
    """

    def __init__(self, tenants: TenantRepository, storage: TurnPool, now: Callable[[], datetime]) -> None:
        self._tenants = tenants
        self._storage = storage
        self._now = now
        self._times: LRUCache[str, datetime] = LRUCache(_MAX_KEYS)

    def note(self, key_id: str) -> None:
        """Record that a key is used now."""
        self._times[key_id] = self._now()

    async def run(self) -> None:
        """Write the times now and then until the task is cancelled."""
        while True:
            await asyncio.sleep(_WRITE_EVERY_SECONDS)
            try:
                await self.write()
            except UnavailableError:
                pass  # the database has logged the cause once; it may recover
            except Exception:  # the root of a background task
                _log.exception("last_uses_not_written")

    async def write(self) -> None:
        """Write the times of the keys that were used since the last write.

        Raises:
            UnavailableError: The database cannot be reached. What was not written is written next time.
        """
        used = list(self._times)
        for first in range(0, len(used), _BATCH):
            times = {key: time for key in used[first : first + _BATCH] if (time := self._times.pop(key, None))}
            try:
                await self._storage.run(SERVICE, WRITE_SECONDS, self._tenants.note_uses, times)
            except UnavailableError:
                for key, time in times.items():
                    self._times.setdefault(key, time)
                raise
