"""Threads for work that takes long, apart from those for look-ups."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class LongWork:
    """Runs one kind of work, such as checks of files, in threads of its own.

    In the loop's default threads, of which there are six on two cores, a few large files or a slow plugin would keep
    everybody else's keys and serving names from being looked up.

    Args:
        name: What the names of its threads begin with.
        threads: Most calls at a time.
    """

    def __init__(self, name: str, *, threads: int = 4) -> None:
        self._threads = ThreadPoolExecutor(threads, name)

    async def run(
        self, function: Callable[Parameters, Result], /, *arguments: Parameters.args, **keywords: Parameters.kwargs
    ) -> Result:
        """Calls `function` in a thread; waits while all are busy. Its log lines carry the request id of the caller."""
        loop, context = asyncio.get_running_loop(), contextvars.copy_context()
        return await loop.run_in_executor(self._threads, lambda: context.run(function, *arguments, **keywords))

    def close(self) -> None:
        """Takes nothing new; what is running ends unheard."""
        self._threads.shutdown(wait=False, cancel_futures=True)
