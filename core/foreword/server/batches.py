"""The requests of a batch, side by side, each with its own outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from foreword.errors import ForewordError
from foreword.server.unforeseen import logged_fault

Result = TypeVar("Result")


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
                return logged_fault()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(settle(call)) for call in calls]
    return [task.result() for task in tasks]
