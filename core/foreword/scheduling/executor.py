"""Worker processes that a server starts and keeps alive.

Workers are identical and pull their work from the database; the executor passes only settings to them.
"""

from __future__ import annotations

import asyncio

from foreword.config import Settings
from foreword.observability.logging import get_logger
from foreword.scheduling.kept_process import KeptProcess

_log = get_logger("executor")


class LocalExecutor:
    """An executor that spawns worker processes and replaces those that end.

    Args:
        settings: Settings of the workers.
        count: Number of workers.
    """

    def __init__(self, settings: Settings, count: int) -> None:
        self._drain_seconds = settings.drain_seconds
        environment = settings.to_environment()
        self._workers = [KeptProcess("worker", ("worker",), environment) for _ in range(count)]

    async def start(self) -> None:
        """Spawn the workers and return at once."""
        for worker in self._workers:
            worker.start()

    async def stop(self) -> None:
        """Ask the workers to checkpoint and release their runs, and kill those that take too long."""
        killed = await asyncio.gather(*(worker.stop(self._drain_seconds) for worker in self._workers))
        if any(killed):
            _log.warning("workers_killed", count=sum(killed))
