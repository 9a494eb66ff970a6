"""The error of a request that HTTP itself refuses. Errors of the service are those of `foreword.errors`."""

from __future__ import annotations

from foreword.errors import CancelledError


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
