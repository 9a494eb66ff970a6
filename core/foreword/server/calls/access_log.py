"""The access log: one line at the end of each RPC, with the caller, method and outcome, but never texts or keys."""

from __future__ import annotations

import grpc

from foreword.observability.logging import get_logger
from foreword.server.calls.interceptors import Call

_log = get_logger("access")


def log_access(call: Call, code: grpc.StatusCode, seconds: float) -> None:
    """Write the line of an RPC that has ended, unless it is counted in a log line of its own kind."""
    record = call.record
    if record.counted:
        return
    _log.info(
        "rpc",
        method=call.method,
        tenant=record.tenant,
        key_id=record.key_id,
        code=code.name,
        reason=record.reason,
        error_id=record.error_id,
        milliseconds=round(seconds * 1000, 1),
        input_tokens=record.input_tokens,
        generated_tokens=record.generated_tokens,
        peer=call.context.peer(),
    )
