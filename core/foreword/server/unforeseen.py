"""What a caller is told of an error that nobody foresaw."""

from __future__ import annotations

import secrets

from foreword.errors import InternalError
from foreword.observability.logging import get_logger

_log = get_logger("server")


def logged_fault() -> InternalError:
    """Logs the exception that is being handled, with its traceback, and tells the caller only the id it has there."""
    error_id = secrets.token_hex(8)
    _log.exception("request_failed", error_id=error_id)
    return InternalError(
        f"A fault of the service, not of the request; its log tells more under the id {error_id}.",
        metadata={"error_id": error_id},
    )
