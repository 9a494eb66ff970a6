"""What is known of an RPC while it runs, for the access log."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

import grpc


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """Facts about an RPC for the access log, filled in while it runs; empty or 0 until they are known.

    Attributes:
        tenant: Id of the caller's tenant.
        key_id: Id of the caller's key, which is not secret; empty for the development key.
        code: How the RPC ended, unless it was answered or cancelled.
        reason: Reason of its error.
        error_id: Id of its log entry, if it failed by a fault of the service.
        input_tokens: Tokens of all inputs that were answered.
        generated_tokens: Tokens of all answers.
    """

    tenant: str = ""
    key_id: str = ""
    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN
    reason: str = ""
    error_id: str = ""
    input_tokens: int = 0
    generated_tokens: int = 0


_record: ContextVar[CallRecord] = ContextVar("record")


def current_record() -> CallRecord:
    """The record of the RPC that this task serves."""
    return _record.get()


def keep_record(record: CallRecord) -> None:
    """Makes a record the current one of this task, which serves one RPC."""
    _record.set(record)
