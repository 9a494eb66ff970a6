"""The response to a request that failed with an unexpected exception."""

from __future__ import annotations

from foreword.errors import InternalError
from foreword.observability.faults import log_fault


def request_fault() -> InternalError:
    """Log the exception that is being handled, and return the error for the response."""
    return log_fault("request_failed", "The service failed; the request is not the cause.", component="server")
