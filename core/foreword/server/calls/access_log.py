"""The access log: one line at the end of each RPC, with the caller, method and outcome, but never texts or keys."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc

from foreword.observability.logging import get_logger
from foreword.server.calls.call_record import CallRecord
from foreword.server.calls.interceptors import Call

_TOLERANCE_SECONDS = 0.1
"""A client starts its clock before the server does, so that its cancellation can arrive slightly early."""
_log = get_logger("access")


class AccessLog:
    """The layer that writes the access log. It is outside the layers for errors and authentication.

    Args:
        clock: Clock of monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    @asynccontextmanager
    async def layer(self, call: Call) -> AsyncIterator[None]:
        """Write a line when the RPC ends, with any outcome, unless it is counted elsewhere."""
        begin = self._clock()
        code: grpc.StatusCode | None = None
        try:
            yield
            code = grpc.StatusCode.OK
        except asyncio.CancelledError:
            code = _cause_of_cancellation(call)
            raise
        finally:
            record = call.record
            if not record.counted:
                self._write(call, record, code, begin)

    def _write(self, call: Call, record: CallRecord, code: grpc.StatusCode | None, begin: float) -> None:
        _log.info(
            "rpc",
            method=call.method,
            tenant=record.tenant,
            key_id=record.key_id,
            code=(code or record.code).name,
            reason=record.reason,
            error_id=record.error_id,
            milliseconds=round((self._clock() - begin) * 1000, 1),
            input_tokens=record.input_tokens,
            generated_tokens=record.generated_tokens,
            peer=call.context.peer(),
        )


def _cause_of_cancellation(call: Call) -> grpc.StatusCode:
    """Return the status of a cancelled RPC: its deadline passed, or its client disconnected."""
    remaining: float | None = call.context.time_remaining()
    late = remaining is not None and remaining < _TOLERANCE_SECONDS
    return grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED
