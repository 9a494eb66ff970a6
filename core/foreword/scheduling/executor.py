"""Worker processes that a server starts and keeps alive.

Workers are identical and pull their work from the database; the executor passes only settings to them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process

from foreword.config import Settings
from foreword.observability.logging import get_logger

_log = get_logger("executor")

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_HEALTHY_AFTER_SECONDS = 60.0


class LocalExecutor:
    """An executor that spawns worker processes and replaces those that end.

    A worker has a pipe as standard input and ends when it closes, so that no worker outlives a server that was killed.

    Args:
        settings: Settings of the workers.
        count: Number of workers.
    """

    def __init__(self, settings: Settings, count: int) -> None:
        self._settings = settings
        self._count = count
        self._processes: dict[int, Process] = {}
        self._supervisors: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Spawn the workers and return at once."""
        self._supervisors = [asyncio.create_task(self._supervise(slot)) for slot in range(self._count)]

    async def stop(self) -> None:
        """Ask the workers to checkpoint and release their runs, and kill those that take too long."""
        self._stopping.set()
        for process in self._processes.values():
            if process.returncode is None:
                process.terminate()
        if not self._supervisors:
            return
        _, late = await asyncio.wait(self._supervisors, timeout=self._settings.drain_seconds)
        if late:
            _log.warning("workers_killed", count=len(late))
            for process in self._processes.values():
                if process.returncode is None:
                    process.kill()
            await asyncio.wait(late, timeout=5)
        for task in late:
            task.cancel()

    async def _supervise(self, slot: int) -> None:
        """Keep one worker alive, with a longer pause each time it ends soon after its start."""
        pause_seconds = _FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            started = loop.time()
            try:
                status = await self._work(slot)
            except OSError:  # not enough memory or file descriptors to start a process; try again later
                _log.exception("worker_not_started", restart_in_seconds=pause_seconds)
            else:
                if self._stopping.is_set():
                    return
                if loop.time() - started > _HEALTHY_AFTER_SECONDS:
                    pause_seconds = _FIRST_PAUSE_SECONDS
                _log.error("worker_ended", status=status, restart_in_seconds=pause_seconds)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_seconds)
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)

    async def _work(self, slot: int) -> int:
        """Spawn a worker, wait until it has ended and return its exit status.

        Raises:
            OSError: The process cannot be spawned.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "foreword",
            "worker",
            "--until-stdin-closes",
            stdin=PIPE,
            env={**os.environ, **self._settings.to_environment()},
            start_new_session=True,  # Ctrl-C in the terminal reaches only the server, which then drains its workers
        )
        self._processes[slot] = process
        if self._stopping.is_set():
            process.terminate()
        return await process.wait()
