"""Conversion of failed calls into the typed exceptions of `foreword.errors` (https://google.aip.dev/193)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import grpc
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from foreword.client.proxy import Proxy
from foreword.domain.failure import Failure
from foreword.errors import (
    AbortedError,
    AlreadyExistsError,
    ArtifactError,
    CancelledError,
    DeadlineExceededError,
    ExhaustedError,
    FailedPreconditionError,
    FieldViolation,
    ForewordError,
    InternalError,
    InvalidArgumentError,
    InvalidRowsError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
)

_BY_CODE: dict[int, type[ForewordError]] = {
    grpc.StatusCode.UNAUTHENTICATED.value[0]: UnauthenticatedError,
    grpc.StatusCode.PERMISSION_DENIED.value[0]: PermissionDeniedError,
    grpc.StatusCode.NOT_FOUND.value[0]: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS.value[0]: AlreadyExistsError,
    grpc.StatusCode.FAILED_PRECONDITION.value[0]: FailedPreconditionError,
    grpc.StatusCode.ABORTED.value[0]: AbortedError,
    grpc.StatusCode.DEADLINE_EXCEEDED.value[0]: DeadlineExceededError,
    grpc.StatusCode.CANCELLED.value[0]: CancelledError,
    grpc.StatusCode.UNAVAILABLE.value[0]: UnavailableError,
}
_REPEATABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
_SIZES = re.compile(r"((?:CLIENT: |SERVER: )?(?:Received|Sent)) message larger than max \((\d+) vs\.? (\d+)\)")
_STATUS_LOST = "Internal error from Core"
"""The details with which grpc.aio replaces a status that arrives while it writes; the service's own answer is lost."""


class AttemptError(Exception):
    """A failed attempt of a call.

    Attributes:
        error: The error that the caller receives unless another attempt succeeds.
        repeatable: Whether another attempt may succeed, provided that repeating the call is safe.
        retry_after_seconds: Pause that the service asks for before another attempt; None if it does not.
    """

    def __init__(self, error: ForewordError, *, repeatable: bool, retry_after_seconds: float | None) -> None:
        super().__init__(error.message)
        self.error = error
        self.repeatable = repeatable
        self.retry_after_seconds = retry_after_seconds


def call_failure(raised: grpc.RpcError, endpoint: str, proxy: Proxy | None = None) -> AttemptError:
    """Convert the gRPC error of an attempt.

    Args:
        endpoint: The address that was called, for the message.
        proxy: The proxy of the environment, for the message.
    """
    call: Any = raised  # every RpcError of a call is a grpc.Call as well
    code: grpc.StatusCode = call.code()
    status = _status(call)
    if status is None:
        error = _transport_error(code, call.details() or "", endpoint, proxy)
        repeatable = code in _REPEATABLE or call.details() == _STATUS_LOST
        return AttemptError(error, repeatable=repeatable, retry_after_seconds=None)
    retry_after = _retry_after(status)
    # Without RetryInfo, RESOURCE_EXHAUSTED means a permanent problem, such as a message over the size limit.
    exhausted = code is grpc.StatusCode.RESOURCE_EXHAUSTED and retry_after is not None
    return AttemptError(
        error_from_status(status),
        repeatable=code in _REPEATABLE or exhausted,
        retry_after_seconds=None if retry_after is None else retry_after.total_seconds(),
    )


def error_from_status(status: Status) -> ForewordError:
    """Return the typed exception for a status, with its violations, reason and metadata."""
    info = error_details_pb2.ErrorInfo()
    _unpack(status, info)
    reason, metadata = info.reason, dict(info.metadata)
    if status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]:
        bad_request = error_details_pb2.BadRequest()
        _unpack(status, bad_request)
        violations = [
            FieldViolation(field=item.field, description=item.description) for item in bad_request.field_violations
        ]
        kind = InvalidRowsError if reason == InvalidRowsError.default_reason else InvalidArgumentError
        return kind(violations, status.message, reason=reason, metadata=metadata)
    if status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]:
        retry_after = _retry_after(status)
        quota = error_details_pb2.QuotaFailure()
        _unpack(status, quota)
        return ExhaustedError(
            status.message,
            reason=reason,
            metadata=metadata,
            retry_after=retry_after or timedelta(seconds=1),
            waiting_helps=retry_after is not None,
            quota=quota.violations[0].subject if quota.violations else "",
        )
    if reason == ArtifactError.default_reason:
        return ArtifactError(status.message, reason=reason, metadata=metadata)
    return _BY_CODE.get(status.code, InternalError)(status.message, reason=reason, metadata=metadata)


def failure_from_status(status: Status) -> Failure:
    """Return the failure of an experiment or a revision from the status in the resource."""
    error = error_from_status(status)
    return Failure.of(error)


def _status(call: Any) -> Status | None:
    """Return the rich status that the service sent; None if gRPC itself raised the error."""
    try:
        return rpc_status.from_call(call)
    except ValueError:  # the trailers contradict the status: a proxy has rewritten it
        return None


def _transport_error(code: grpc.StatusCode, details: str, endpoint: str, proxy: Proxy | None) -> ForewordError:
    """Return the error for a failure that was not reported by a Foreword service."""
    if code is grpc.StatusCode.UNAVAILABLE:
        return UnavailableError(f"{_unreachable(details, endpoint, proxy)}{_proxy_advice(proxy, endpoint)}")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceededError(
            f"{endpoint} did not answer in time. Try again, or allow a longer timeout.{_proxy_advice(proxy, endpoint)}"
        )
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return InternalError(
            f"{endpoint} does not support this call ({details}). It is another service or an older version; "
            f"compare with `foreword --version`.",
            reason="UNIMPLEMENTED",
        )
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return ExhaustedError(_too_large(details, endpoint), reason="MESSAGE_TOO_LARGE")
    message = f"{endpoint} answered {code.name}: {details or 'no details'}."
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        return InvalidArgumentError([], message)
    return _BY_CODE.get(code.value[0], InternalError)(message)


def _too_large(details: str, endpoint: str) -> str:
    """Return which message was too large, by how much, and the remedy. gRPC only reports this as text."""
    found = _SIZES.search(details)
    if found is None:
        return f"{endpoint} refused the call: {details}. Send less at once."
    side, size, limit = found[1], int(found[2]), int(found[3])
    if side == "CLIENT: Received":
        return (
            f"The answer of {endpoint} has {size:,} bytes, but this client accepts at most {limit:,}. Ask for less at "
            f"once: smaller pages, smaller batches, or fewer return_options."
        )
    return f"The request has {size:,} bytes, but {endpoint} accepts at most {limit:,}. Send less, or shorter texts."


def _unreachable(details: str, endpoint: str, proxy: Proxy | None) -> str:
    """Return why no service answers, and the remedy. gRPC only reports the cause as text."""
    if "CERTIFICATE_VERIFY_FAILED" in details:
        return (
            f"The certificate of {endpoint} is not trusted. Set the certificates to trust with `tls`, --tls-ca or "
            "FOREWORD_TLS_CA."
        )
    if "WRONG_VERSION_NUMBER" in details:
        return f"{endpoint} does not use TLS. Set the endpoint to http://{endpoint} if the network is safe without it."
    if "keepalive" in details or "ping timeout" in details.lower():
        return (
            f"The connection to {endpoint} is dead: it was silent and answered no ping. Try again; if this happens "
            f"often, check the proxies and firewalls on the way to the service."
        )
    cause = details.rsplit(": ", 1)[-1].rstrip("]") or "no connection"  # gRPC prefixes its own path to the cause
    if proxy is not None and proxy.used:
        return f"No service answers at {endpoint} ({cause})."
    names = "FOREWORD_TLS_CLIENT_CERTIFICATE and FOREWORD_TLS_CLIENT_KEY"
    asked = f" If the service asks clients for a certificate, set {names}." if cause == "Socket closed" else ""
    return (
        f"No service answers at {endpoint} ({cause}). Start one with `foreword serve --dev`, or set FOREWORD_ENDPOINT "
        f"to its address (http://HOST:PORT without TLS, https://HOST:PORT with TLS)."
        f"{asked}"
    )


def _proxy_advice(proxy: Proxy | None, endpoint: str) -> str:
    """Return a sentence, with a space before it, about the proxy of an unanswered call; empty without a proxy."""
    if proxy is None:
        return ""
    if not proxy.used:
        return (
            f" The proxy {proxy} was not used: {proxy.obstacle}. Set grpc_proxy=http://HOST:PORT if the service is "
            "behind a proxy."
        )
    host = endpoint.rpartition(":")[0].strip("[]")
    return (
        f" The connection went through the proxy {proxy}. Add {host} to {proxy.exceptions} if the service can be "
        f"reached without it; otherwise check that the proxy runs and allows {endpoint}."
    )


def _retry_after(status: Status) -> timedelta | None:
    info = error_details_pb2.RetryInfo()
    return info.retry_delay.ToTimedelta() if _unpack(status, info) else None


def _unpack(status: Status, detail: Any) -> bool:
    """Fill `detail` from the status; return False if the status has no detail of that type."""
    return any(item.Unpack(detail) for item in status.details if item.Is(detail.DESCRIPTOR))
