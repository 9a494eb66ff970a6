"""Facts about a running RPC, collected for the access log."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

import grpc


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """Facts about an RPC for the access log, collected while it runs; empty or 0 until they are known.

    Attributes:
        tenant: Id of the caller's tenant.
        key_id: Id of the caller's API key, which is not secret; empty for the development key.
        code: Status code of the RPC if it failed.
        reason: Reason of the error.
        error_id: Id of the log entry if the RPC failed because of a fault of the service.
        input_tokens: Number of tokens of all answered inputs.
        generated_tokens: Number of tokens of all answers.
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
    """Return the record of the RPC that this task serves."""
    return _record.get()


def keep_record(record: CallRecord) -> None:
    """Set the record of this task, which serves one RPC."""
    _record.set(record)
