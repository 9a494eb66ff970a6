"""Concurrent execution of the requests of a batch, each with its own result."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from foreword.errors import ExhaustedError, ForewordError
from foreword.server.calls.unforeseen import request_fault

Result = TypeVar("Result")

_LONGEST_PAUSE_SECONDS = 2.0
_LONGEST_WAIT_SECONDS = 300.0


async def settled(calls: Iterable[Callable[[], Awaitable[Result]]], *, limit: int) -> list[Result | ForewordError]:
    """Run all calls and return their results or errors, in order. Cancelling it cancels all calls.

    Unexpected exceptions are logged and replaced by an InternalError with an id.

    Args:
        limit: Maximum number of concurrent calls.
    """
    places = asyncio.Semaphore(limit)

    async def settle(call: Callable[[], Awaitable[Result]]) -> Result | ForewordError:
        async with places:
            try:
                return await call()
            except ForewordError as error:
                return error
            except Exception:  # the root of one request, which must not affect the others
                return request_fault()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(settle(call)) for call in calls]
    return [task.result() for task in tasks]


async def with_patience(call: Callable[[], Awaitable[Result]], *, deadline: float | None) -> Result:
    """Return the result of a call, and retry it while the service is busy.

    The caller of a single request would wait and retry. A request of a batch needs this function for that, because the
    rest of its own batch may fill the queue.

    Args:
        deadline: Time of the last try on the clock of `time.monotonic()`; None for five minutes.

    Raises:
        ExhaustedError: The service was busy until the deadline.
    """
    end = time.monotonic() + _LONGEST_WAIT_SECONDS if deadline is None else deadline
    while True:
        try:
            return await call()
        except ExhaustedError as error:
            # `retry_after` is an estimate: answers that end early make room sooner.
            pause = min(error.retry_after.total_seconds(), _LONGEST_PAUSE_SECONDS)
            if not error.waiting_helps or time.monotonic() + pause >= end:
                raise
        await asyncio.sleep(pause)
