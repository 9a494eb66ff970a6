"""Facts about a running RPC, collected for the logs."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import grpc


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """Facts about an RPC for the logs, collected while it runs; empty or 0 until they are known.

    Attributes:
        method: `/foreword.v1.Service/Method`.
        request_id: Id of the request.
        trace_id: Id of its trace, if it is exported.
        tenant: Id of the caller's tenant.
        key_id: Id of the caller's API key, which is not secret; empty for the development key.
        code: Status code of the RPC if it failed.
        reason: Reason of the error.
        error_id: Id of the log entry if the RPC failed because of a fault of the service.
        counted: Whether the refusal is counted in a log line of its own kind, so that the access log omits it.
        request_bytes: Size of the last request message.
        response_bytes: Estimated size of the response if it can be so large that it is serialised in a thread.
        input_tokens: Number of tokens of all answered inputs.
        generated_tokens: Number of tokens of all answers.
    """

    method: str = ""
    request_id: str = ""
    trace_id: str = ""
    tenant: str = ""
    key_id: str = ""
    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN
    reason: str = ""
    error_id: str = ""
    counted: bool = False
    request_bytes: int = 0
    response_bytes: int = 0
    input_tokens: int = 0
    generated_tokens: int = 0


_record: ContextVar[CallRecord] = ContextVar("record")
_by_task: WeakKeyDictionary[asyncio.Task[Any], CallRecord] = WeakKeyDictionary()


def current_record() -> CallRecord:
    """Return the record of the RPC that this task serves."""
    return _record.get()


def keep_record(record: CallRecord) -> None:
    """Set the record of this task, which serves one RPC."""
    _record.set(record)
    task = asyncio.current_task()
    if task is not None:
        _by_task[task] = record


def record_of(task: asyncio.Task[Any] | None) -> CallRecord | None:
    """Return the record of the RPC that a task serves; None if it serves none. It may be called on any thread."""
    return None if task is None else _by_task.get(task)
