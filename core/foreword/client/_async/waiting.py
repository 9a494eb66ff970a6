"""How the asynchronous client waits; `foreword.client._sync.waiting` is its counterpart, written by hand as well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Any, ParamSpec, TypeVar

import grpc

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

sleep = asyncio.sleep


async def in_thread(function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
    """Calls what would block, such as reading a file, without holding up the event loop."""
    return await asyncio.to_thread(function, *args, **kwargs)


async def in_order(calls: Iterable[Callable[[], Awaitable[Result]]], *, limit: int) -> list[Result]:
    """Return the results of all calls in the order of the calls, of which at most `limit` run at a time."""
    places = asyncio.Semaphore(limit)

    async def run(call: Callable[[], Awaitable[Result]]) -> Result:
        async with places:
            return await call()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(call)) for call in calls]
    return [task.result() for task in tasks]


async def send_stream(method: Any, messages: AsyncGenerator[Any], **options: Any) -> Any:
    """Makes a call that takes a stream and has one answer.

    Not left to gRPC, which answers an iterator that raises by cancelling the call, and the task with it.

    Raises:
        grpc.RpcError: The call failed.
        Exception: What `messages` raised.
    """
    call = method(**options)
    try:
        async with aclosing(messages):
            async for message in messages:
                await call.write(message)
        await call.done_writing()
    except (asyncio.InvalidStateError, grpc.RpcError):
        pass  # the service has heard enough; why is told by the answer, not by a write that came too late
    except BaseException:
        call.cancel()
        raise
    return await call
