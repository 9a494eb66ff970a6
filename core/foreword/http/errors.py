"""The error of a request that HTTP itself refuses. Errors of the service are those of `foreword.errors`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from foreword.errors import CancelledError, ErrorKind

STATUS: Final[Mapping[ErrorKind, int]] = {
    ErrorKind.INVALID_ARGUMENT: 400,
    ErrorKind.UNAUTHENTICATED: 401,
    ErrorKind.PERMISSION_DENIED: 403,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.ALREADY_EXISTS: 409,
    ErrorKind.FAILED_PRECONDITION: 400,
    ErrorKind.ABORTED: 409,
    ErrorKind.EXHAUSTED: 429,
    ErrorKind.DEADLINE_EXCEEDED: 504,
    ErrorKind.CANCELLED: 503,
    ErrorKind.UNAVAILABLE: 503,
    ErrorKind.INTERNAL: 500,
}
"""HTTP status by kind of error."""


class RequestError(Exception):
    """A request that cannot be passed on to the service.

    Args:
        message: The problem and the remedy, for humans.
        status: HTTP status.
        reason: Stable identifier in UPPER_SNAKE_CASE.
        field: Path of the faulty field, such as `messages[0].role`; empty if none is.
    """

    def __init__(self, message: str, *, status: int = 400, reason: str = "INVALID_ARGUMENT", field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.reason = reason
        self.field = field


class CallerGoneError(CancelledError):
    """The caller has closed the connection, so there is nobody to answer.

    Other cancellations are those of the service or of the connection to it, whose caller still waits for an answer.
    """
