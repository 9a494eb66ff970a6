"""How the blocking client waits; `foreword.client._async.waiting` is its counterpart, written by hand as well."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

import grpc

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

sleep = time.sleep


def in_thread(function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
    """Calls what would block; here it may."""
    return function(*args, **kwargs)


def in_order(calls: Iterable[Callable[[], Result]], *, limit: int) -> list[Result]:
    """Return the results of all calls in the order of the calls, of which at most `limit` run at a time."""
    with ThreadPoolExecutor(limit, "foreword") as pool:
        futures = [pool.submit(call) for call in calls]
        try:
            return [future.result() for future in futures]
        except BaseException:  # Ctrl-C as well: what has not begun does not begin
            for future in futures:
                future.cancel()
            raise


def send_stream(method: Any, messages: Generator[Any], **options: Any) -> Any:
    """Makes a call that takes a stream and has one answer.

    Raises:
        grpc.RpcError: The call failed.
        Exception: What `messages` raised, which gRPC only logs.
    """
    raised: list[Exception] = []

    def watched() -> Generator[Any]:
        try:
            yield from messages
        except Exception as error:
            raised.append(error)
            raise

    try:
        return method(watched(), **options)
    except grpc.RpcError:
        if raised:
            raise raised[0] from None
        raise
