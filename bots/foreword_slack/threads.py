"""Threads for code of plugins, which may block for long or for ever."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


async def run_in_thread(work: Callable[[], Result]) -> Result:
    """Run a function in a thread of its own and return its result.

    The thread is a daemon, so a function that never returns does not keep the process from ending. If the caller is
    cancelled, the function runs on and its result is dropped.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if ended.done():
            return
        if error is not None:
            ended.set_exception(error)
        else:
            ended.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: Result | None = None
        error: BaseException | None = None
        try:
            result = work()
        except StopIteration:  # a future does not accept it
            error = RuntimeError("a plugin raised StopIteration")
        except BaseException as raised:  # the root of a thread
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="slack-plugin", daemon=True).start()
    return await ended
