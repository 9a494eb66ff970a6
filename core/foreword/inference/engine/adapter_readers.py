"""The threads on which the adapters of requests are read."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from foreword.inference.engine.adapter_loader import AdapterLoader
from foreword.inference.interfaces import AdapterReference
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.runner import ModelRunner
from foreword.turns.turn_pool import TurnPool

_THREADS: Final = 8
"""Reads at once. They mostly wait for the artifact store."""
_MAX_WAITING: Final = 2000
_LOAD_SECONDS: Final = 0.02
"""Estimated time of a read."""


class AdapterReaders:
    """Reads adapters for requests, which wait on the event loop.

    All requests for an adapter wait for one read, even if its first caller has gone. So an adapter whose read hangs
    holds one thread, and none of those that the requests for adapters in memory need. All methods but `close` are
    called on the event loop.
    """

    def __init__(self, loader: AdapterLoader) -> None:
        self._loader = loader
        self._threads = TurnPool("foreword-adapters", threads=_THREADS, max_waiting=_MAX_WAITING, clock=time.monotonic)
        self._reads: dict[AdapterReference, asyncio.Task[LoadedAdapter | None]] = {}

    async def get(self, runner: ModelRunner, reference: AdapterReference | None) -> LoadedAdapter | None:
        """Return an adapter, read from its artifact unless it is in memory; None without one.

        Raises:
            ArtifactError: The artifact is missing or corrupt, or does not fit the base model.
            NotFoundError: The adapter's tuning method is not installed.
            ExhaustedError: Too many reads of the tenant wait.
            UnavailableError: The artifact store is unavailable, or the engine stops.
        """
        if reference is None:
            return None
        kept = self._loader.find(reference)
        if kept is not None:
            return kept.item
        read = self._reads.get(reference)
        if read is None:
            read = asyncio.create_task(self._read(runner, reference), name="adapter")
            self._reads[reference] = read
            read.add_done_callback(lambda done: self._forget(reference, done))
        return await asyncio.shield(read)

    async def get_anew(self, runner: ModelRunner, reference: AdapterReference | None) -> LoadedAdapter | None:
        """Return an adapter, read in any case. The errors are those of `get`."""
        if reference is None:
            return None
        return await self._threads.run(reference.tenant, _LOAD_SECONDS, self._loader.load, runner, reference, anew=True)

    def close(self) -> None:
        """Fail the reads that wait with UnavailableError."""
        self._threads.close()

    async def _read(self, runner: ModelRunner, reference: AdapterReference) -> LoadedAdapter | None:
        return await self._threads.run(reference.tenant, _LOAD_SECONDS, self._loader.load, runner, reference)

    def _forget(self, reference: AdapterReference, read: asyncio.Task[LoadedAdapter | None]) -> None:
        del self._reads[reference]
        if not read.cancelled():
            read.exception()  # all callers may have gone, and nobody else looks at it
