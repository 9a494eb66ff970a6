"""Conversion of domain errors to google.rpc.Status with details (https://google.aip.dev/193)."""

from __future__ import annotations

from collections.abc import Mapping

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from foreword.domain.failure import Failure
from foreword.errors import (
    ErrorKind,
    ExhaustedError,
    ForewordError,
    InvalidArgumentError,
)
from foreword.redaction import redact

DOMAIN = "foreword"

CODES: Mapping[ErrorKind, grpc.StatusCode] = {
    ErrorKind.INVALID_ARGUMENT: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorKind.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    ErrorKind.PERMISSION_DENIED: grpc.StatusCode.PERMISSION_DENIED,
    ErrorKind.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    ErrorKind.ALREADY_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    ErrorKind.FAILED_PRECONDITION: grpc.StatusCode.FAILED_PRECONDITION,
    ErrorKind.ABORTED: grpc.StatusCode.ABORTED,
    ErrorKind.EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ErrorKind.DEADLINE_EXCEEDED: grpc.StatusCode.DEADLINE_EXCEEDED,
    ErrorKind.CANCELLED: grpc.StatusCode.CANCELLED,
    ErrorKind.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    ErrorKind.INTERNAL: grpc.StatusCode.INTERNAL,
}

# A status is sent in HTTP/2 trailers, of which gRPC clients accept 8 KiB by default. The message is sent twice:
# percent-encoded as grpc-message, and in the status. 3 x 500 + 500 + 5,200 stays below the limit.
_MAX_MESSAGE_BYTES = 500
_MAX_DETAIL_BYTES = 5_200
_MAX_VALUE_CHARACTERS = 200


def status_of(error: ForewordError) -> tuple[grpc.StatusCode, str, status_pb2.Status]:
    """Return the gRPC code, the message and the full status of an error, without secrets.

    Violations that do not fit into the trailers are omitted; the last one states how many.
    """
    code = CODES[error.kind]
    message = _shown(error.message, _MAX_MESSAGE_BYTES)
    metadata = {key: _shown(value, _MAX_VALUE_CHARACTERS) for key, value in error.metadata.items()}
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)]
    if isinstance(error, ExhaustedError):
        if error.waiting_helps:
            retry = error_details_pb2.RetryInfo()
            retry.retry_delay.FromTimedelta(error.retry_after)
            details.append(retry)
        if error.quota:
            details.append(_quota_failure(error.quota, message))
    if error.kind in (ErrorKind.NOT_FOUND, ErrorKind.ALREADY_EXISTS) and "resource" in metadata:
        details.append(_resource_info(metadata["resource"], message))
    if isinstance(error, InvalidArgumentError):
        room = _MAX_DETAIL_BYTES - sum(detail.ByteSize() for detail in details)
        details.append(_bad_request(error, room))
    return code, message, status_pb2.Status(code=code.value[0], message=message, details=[_pack(d) for d in details])


def trailing_metadata(status: status_pb2.Status) -> tuple[tuple[str, bytes], ...]:
    """Return the trailers that contain a status."""
    return (("grpc-status-details-bin", status.SerializeToString()),)


def failure_status(failure: Failure | None) -> status_pb2.Status | None:
    """Convert a stored failure to a status."""
    if failure is None:
        return None
    code = CODES.get(_kind(failure.kind), grpc.StatusCode.UNKNOWN)
    info = error_details_pb2.ErrorInfo(reason=failure.reason, domain=DOMAIN)
    return status_pb2.Status(code=code.value[0], message=failure.message, details=[_pack(info)])


def _kind(value: str) -> ErrorKind:
    return next((kind for kind in ErrorKind if kind.value == value), ErrorKind.INTERNAL)


def _pack(detail: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed


def _quota_failure(subject: str, description: str) -> error_details_pb2.QuotaFailure:
    violation = error_details_pb2.QuotaFailure.Violation(subject=subject, description=description)
    return error_details_pb2.QuotaFailure(violations=[violation])


def _resource_info(resource: str, description: str) -> error_details_pb2.ResourceInfo:
    """Return the name and the type of a resource. The type is its collection, such as `foreword/datasets`."""
    segments = resource.split("/")
    kind = segments[-2] if len(segments) > 1 else "servingNames"
    return error_details_pb2.ResourceInfo(
        resource_type=f"{DOMAIN}/{kind}", resource_name=resource, description=description
    )


def _bad_request(error: InvalidArgumentError, room: int) -> error_details_pb2.BadRequest:
    """Return as many violations as fit into `room` bytes."""
    reserve = 120
    found = error_details_pb2.BadRequest()
    for number, violation in enumerate(error.violations):
        entry = error_details_pb2.BadRequest.FieldViolation(
            field=_shown(violation.field, _MAX_VALUE_CHARACTERS),
            description=_shown(violation.description, _MAX_MESSAGE_BYTES),
        )
        left = len(error.violations) - number
        if found.ByteSize() + entry.ByteSize() + 4 > room - (reserve if left > 1 else 0) and number:
            found.field_violations.add(field="", description=f"{left} more faults do not fit into this response")
            break
        found.field_violations.append(entry)
    return found


def _shown(text: str, limit: int) -> str:
    """Return `text` without secrets and with at most `limit` bytes. The length of the text does not affect the time."""
    return _cut(redact(text[: 8 * limit]), limit)


def _cut(text: str, limit: int) -> str:
    """Return `text`, truncated with an ellipsis if it has more than `limit` bytes."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return data.decode("utf-8")
    return data[: limit - 3].decode("utf-8", "ignore") + "..."
