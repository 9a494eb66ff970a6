"""Waiting in the blocking client. `foreword.client._async.waiting` is its counterpart; both are written by hand."""

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
    """Call a function that blocks; the blocking client may wait for it."""
    return function(*args, **kwargs)


def in_order(calls: Iterable[Callable[[], Result]], *, limit: int) -> list[Result]:
    """Run at most `limit` calls at a time and return all results in the order of the calls."""
    with ThreadPoolExecutor(limit, "foreword") as pool:
        futures = [pool.submit(call) for call in calls]
        try:
            return [future.result() for future in futures]
        except BaseException:  # including Ctrl-C: calls that have not started must not start
            for future in futures:
                future.cancel()
            raise


def send_stream(method: Any, messages: Generator[Any], **options: Any) -> Any:
    """Make a call that sends a stream and receives one answer.

    Raises:
        grpc.RpcError: The call failed.
        Exception: The error that `messages` raised; gRPC would only log it.
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
