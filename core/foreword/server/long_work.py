"""Threads for work that takes long, apart from those for look-ups."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_THREADS = 4


class LongWork:
    """Runs checks of files and plans in threads of their own.

    In the loop's default threads, of which there are six on two cores, a few large files would keep everybody else's
    keys and serving names from being looked up.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "foreword-long")

    async def run(
        self, function: Callable[Parameters, Result], /, *arguments: Parameters.args, **keywords: Parameters.kwargs
    ) -> Result:
        """Calls `function` in a thread; waits while all are busy."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: function(*arguments, **keywords))

    def close(self) -> None:
        """Takes nothing new; what is running ends unheard."""
        self._threads.shutdown(wait=False, cancel_futures=True)
