"""The layer that gives each RPC its request id, and finds out how it ends, for the access log and the metrics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import grpc
import structlog

from foreword.server.calls.interceptors import Call, name_request

_TOLERANCE_SECONDS = 0.1
"""A client starts its clock before the server does, so that its cancellation can arrive slightly early."""

OutcomeListener = Callable[[Call, grpc.StatusCode, float], object]
"""Receives a call that has ended, its status code, and the seconds since its arrival."""


class Outcomes:
    """The outermost layer: all errors have its request id, including those of authentication.

    One layer for both, because each layer costs every RPC several microseconds.

    Args:
        listeners: Called in this order at the end of each RPC, with any outcome.
        clock: Clock of monotonic time in seconds.
    """

    def __init__(self, listeners: Sequence[OutcomeListener], clock: Callable[[], float] = time.monotonic) -> None:
        self._listeners = tuple(listeners)
        self._clock = clock

    @asynccontextmanager
    async def layer(self, call: Call) -> AsyncIterator[None]:
        """Add the request id to the trailers and to log lines, and report the end of the RPC."""
        begin = self._clock()
        code: grpc.StatusCode | None = None
        with structlog.contextvars.bound_contextvars(request_id=name_request(call), method=call.method):
            try:
                yield
                code = grpc.StatusCode.OK
            except asyncio.CancelledError:
                code = _cause_of_cancellation(call)
                raise
            finally:
                seconds = self._clock() - begin
                for listener in self._listeners:
                    listener(call, code or call.record.code, seconds)


def _cause_of_cancellation(call: Call) -> grpc.StatusCode:
    """Return the status of a cancelled RPC: its deadline passed, or its client disconnected."""
    remaining: float | None = call.context.time_remaining()
    late = remaining is not None and remaining < _TOLERANCE_SECONDS
    return grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED
