"""Faults of the service. The error for the caller and the log entry with the cause share one id."""

from __future__ import annotations

import secrets

from foreword.errors import InternalError
from foreword.observability.logging import get_logger


def new_error_id() -> str:
    """Return a new fault id: 64 random bits in lower-case hexadecimal."""
    return secrets.token_hex(8)


def log_fault(event: str, problem: str, *, component: str, **facts: object) -> InternalError:
    """Log the exception that is being handled with its traceback and a new id, and return an error with the same id.

    The error does not contain the text of the exception, which may contain paths, hosts or data of a tenant.

    Args:
        event: Static name of the log event.
        problem: What failed, as a full sentence for the caller.
        component: Part of the service that the log entry belongs to, such as `server` or `worker`.
        facts: Additional fields of the log entry; never prompts, texts or keys.

    Returns:
        The error to raise or to store. Its `error_id` is the field `error_id` of the log entry.
    """
    error_id = new_error_id()
    get_logger(component).exception(event, error_id=error_id, **facts)
    return InternalError(f"{problem} See the server log for error_id={error_id}.", metadata={"error_id": error_id})
