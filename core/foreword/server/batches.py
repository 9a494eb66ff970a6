"""The requests of a batch, side by side, each with its own outcome."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from foreword.errors import ExhaustedError, ForewordError
from foreword.server.unforeseen import request_fault

Result = TypeVar("Result")

_LONGEST_PAUSE_SECONDS = 2.0
_LONGEST_WAIT_SECONDS = 300.0


async def settled(calls: Iterable[Callable[[], Awaitable[Result]]], *, limit: int) -> list[Result | ForewordError]:
    """What every call returns, or the error that it raises, in their order. Cancelling it cancels them all.

    What nobody foresaw is logged, and an InternalError with its id takes its place.

    Args:
        limit: Calls under way at a time.
    """
    places = asyncio.Semaphore(limit)

    async def settle(call: Callable[[], Awaitable[Result]]) -> Result | ForewordError:
        async with places:
            try:
                return await call()
            except ForewordError as error:
                return error
            except Exception:  # the root of one request: the others have their answers
                return request_fault()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(settle(call)) for call in calls]
    return [task.result() for task in tasks]


async def with_patience(call: Callable[[], Awaitable[Result]], *, deadline: float | None) -> Result:
    """What a call returns, tried again for as long as the service has too much to do.

    Alone, a caller would wait and call again; one request of a batch has nobody to do so, and it may be the rest of its
    own batch that fills the queue.

    Args:
        deadline: Until when it is tried, in the terms of `time.monotonic()`; None for five minutes.

    Raises:
        ExhaustedError: There was no room in time.
    """
    end = time.monotonic() + _LONGEST_WAIT_SECONDS if deadline is None else deadline
    while True:
        try:
            return await call()
        except ExhaustedError as error:
            # The time told is an estimate, and answers that end early make room sooner.
            pause = min(error.retry_after.total_seconds(), _LONGEST_PAUSE_SECONDS)
            if time.monotonic() + pause >= end:
                raise
        await asyncio.sleep(pause)
