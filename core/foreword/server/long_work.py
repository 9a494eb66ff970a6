"""Threads for long work, separate from those for lookups."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class LongWork:
    """A thread pool for one kind of long work, such as checks of files.

    The event loop has few default threads, six on two cores. If long work ran there, a few large files or a slow plugin
    would block the lookups of keys and serving names for all other requests.

    Args:
        name: Prefix of the thread names.
        threads: Maximum number of concurrent calls.
    """

    def __init__(self, name: str, *, threads: int = 4) -> None:
        self._threads = ThreadPoolExecutor(threads, name)

    async def run(
        self, function: Callable[Parameters, Result], /, *arguments: Parameters.args, **keywords: Parameters.kwargs
    ) -> Result:
        """Call `function` in a thread, after waiting for a free one. Log lines have the request id of the caller."""
        loop, context = asyncio.get_running_loop(), contextvars.copy_context()
        return await loop.run_in_executor(self._threads, lambda: context.run(function, *arguments, **keywords))

    def close(self) -> None:
        """Cancel waiting calls. The results of running calls are discarded."""
        self._threads.shutdown(wait=False, cancel_futures=True)
