"""Work that ends when its caller goes, so that nobody generates for a closed connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.types import Receive

from foreword.errors import CancelledError
from foreword.http.errors import CallerGoneError

Answer = TypeVar("Answer")
Item = TypeVar("Item")


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, Answer]) -> Answer:
    """Return the result of some work, which is cancelled when the caller closes the connection.

    Args:
        receive: Receives what the caller sends after its request, which is only its end.

    Raises:
        CallerGoneError: The caller has gone.
        CancelledError: Something else has cancelled the work.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_gone(receive))
    both: tuple[asyncio.Future[Any], ...] = (working, leaving)
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if working.cancelled():
            raise CancelledError("The work was cancelled.")
        if working.done():
            return working.result()
        raise CallerGoneError("The caller closed the connection.")
    finally:
        for task in both:
            task.cancel()
        # Not `await task`, in which a cancellation of this task could not be told from its own.
        await asyncio.wait(both)
        for task in both:
            if not task.cancelled():
                task.exception()  # what was not returned above concerns nobody, and is not to be logged as lost


async def answered(request: Request, work: Coroutine[Any, Any, Answer]) -> Answer:
    """Return the result of some work for a request, as `unless_gone` does. Its body must have been read."""
    return await unless_gone(request.receive, work)


async def merged(streams: list[AsyncGenerator[Item]]) -> AsyncGenerator[tuple[int, Item]]:
    """Yield the items of streams as they come, each with the index of its stream.

    Each stream is read at most one item ahead of the reader. An error of one ends all.
    """
    if len(streams) == 1:
        async with aclosing(streams[0]) as only:
            async for item in only:
                yield 0, item
        return
    queue: asyncio.Queue[tuple[int, Item] | BaseException | None] = asyncio.Queue(maxsize=1)

    async def read(place: int, stream: AsyncGenerator[Item]) -> None:
        try:
            async with aclosing(stream):
                async for item in stream:
                    await queue.put((place, item))
        except Exception as error:
            await queue.put(error)
        else:
            await queue.put(None)

    readers = [asyncio.create_task(read(place, stream)) for place, stream in enumerate(streams)]
    try:
        left = len(readers)
        while left:
            arrived = await queue.get()
            if arrived is None:
                left -= 1
            elif isinstance(arrived, BaseException):
                raise arrived
            else:
                yield arrived
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
