"""Waiting in the asynchronous client. `foreword.client._sync.waiting` is its counterpart, also written by hand."""

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
    """Call a function that blocks, such as reading a file, without blocking the event loop."""
    return await asyncio.to_thread(function, *args, **kwargs)


async def in_order(calls: Iterable[Callable[[], Awaitable[Result]]], *, limit: int) -> list[Result]:
    """Run at most `limit` calls at a time and return all results in the order of the calls."""
    places = asyncio.Semaphore(limit)

    async def run(call: Callable[[], Awaitable[Result]]) -> Result:
        async with places:
            return await call()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(call)) for call in calls]
    return [task.result() for task in tasks]


async def send_stream(method: Any, messages: AsyncGenerator[Any], **options: Any) -> Any:
    """Make a call that sends a stream and receives one answer.

    Messages are written here because gRPC cancels the call, and the task with it, if an iterator raises.

    Raises:
        grpc.RpcError: The call failed.
        Exception: The error that `messages` raised.
    """
    call = method(**options)
    try:
        async with aclosing(messages):
            async for message in messages:
                await call.write(message)
        await call.done_writing()
    except (asyncio.InvalidStateError, grpc.RpcError):
        pass  # the service has already answered; the answer has the reason, not the late write
    except BaseException:
        call.cancel()
        raise
    return await call
