"""The answer to a request that failed with an exception nobody raised on purpose."""

from __future__ import annotations

from foreword.errors import InternalError
from foreword.observability.faults import log_fault


def request_fault() -> InternalError:
    """Log the exception being handled and return the error to answer the request with."""
    return log_fault("request_failed", "The service failed; the request is not to blame.", component="server")
