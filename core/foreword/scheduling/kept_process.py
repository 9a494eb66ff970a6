"""A process that a server starts and keeps alive."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence

from foreword.observability.logging import get_logger

_log = get_logger("executor")

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_HEALTHY_AFTER_SECONDS = 60.0


class KeptProcess:
    """A command of Foreword in a process of its own, which is started again when it ends.

    The process has a pipe as standard input and ends when it closes, so that it never outlives a server that was
    killed.

    Args:
        noun: What the process is called in the log, such as `worker`.
        arguments: The command, without `foreword`. The process also gets `--until-stdin-closes`.
        environment: Environment variables beside those of this process.
        descriptors: File descriptors that every start of the process inherits.
    """

    def __init__(
        self, noun: str, arguments: Sequence[str], environment: Mapping[str, str], *, descriptors: Sequence[int] = ()
    ) -> None:
        self._noun = noun
        self._arguments = (*arguments, "--until-stdin-closes")
        self._environment = environment
        self._descriptors = descriptors
        self._process: Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def start(self) -> None:
        """Begin to start the process and return at once."""
        self._supervisor = asyncio.create_task(self._supervise())

    async def stop(self, seconds: float) -> bool:
        """Ask the process to end, and kill it if it takes too long.

        Args:
            seconds: Time for it to end.

        Returns:
            Whether it was killed.
        """
        self._stopping.set()
        self._signal(Process.terminate)
        if self._supervisor is None:
            return False
        _, late = await asyncio.wait((self._supervisor,), timeout=seconds)
        if late:
            self._signal(Process.kill)
            await asyncio.wait(late, timeout=5)
            self._supervisor.cancel()
        return bool(late)

    async def _supervise(self) -> None:
        """Keep the process alive, with a longer pause each time it ends soon after its start."""
        pause_seconds = _FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            started = loop.time()
            try:
                status = await self._run()
            except OSError:  # not enough memory or file descriptors to start a process; try again later
                _log.exception(f"{self._noun}_not_started", restart_in_seconds=pause_seconds)
            else:
                if self._stopping.is_set():
                    return
                if loop.time() - started > _HEALTHY_AFTER_SECONDS:
                    pause_seconds = _FIRST_PAUSE_SECONDS
                _log.error(f"{self._noun}_ended", status=status, restart_in_seconds=pause_seconds)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_seconds)
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)

    async def _run(self) -> int:
        """Spawn the process, wait until it has ended and return its exit status.

        Raises:
            OSError: The process cannot be spawned.
        """
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "foreword",
            *self._arguments,
            stdin=PIPE,
            env={**os.environ, **self._environment},
            pass_fds=self._descriptors,
            start_new_session=True,  # Ctrl-C in the terminal reaches only the server, which then drains its processes
        )
        if self._stopping.is_set():
            self._process.terminate()
        return await self._process.wait()

    def _signal(self, send: Callable[[Process], None]) -> None:
        if self._process is not None and self._process.returncode is None:
            send(self._process)
