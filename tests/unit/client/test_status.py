from datetime import timedelta

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from foreword.client.status import call_failure, error_from_status
from foreword.errors import (
    AlreadyExistsError,
    ArtifactError,
    ExhaustedError,
    FailedPreconditionError,
    FieldViolation,
    InternalError,
    InvalidArgumentError,
    InvalidRowsError,
    NotFoundError,
    PermissionDeniedError,
    UnavailableError,
)
from foreword.server.calls.status import status_of


def make_status(code, message="wrong", *details):
    packed = []
    for detail in details:
        item = any_pb2.Any()
        item.Pack(detail)
        packed.append(item)
    return status_pb2.Status(code=code.value[0], message=message, details=packed)


def error_info(reason, **metadata):
    return error_details_pb2.ErrorInfo(reason=reason, domain="foreword", metadata=metadata)


def bad_request(**violations):
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=field, description=description)
            for field, description in violations.items()
        ]
    )


class BrokenCall(grpc.RpcError):
    """What gRPC raises when a call breaks without a word of the service."""

    def __init__(self, code, details):
        super().__init__()
        self._code, self._details = code, details

    def code(self):
        return self._code

    def details(self):
        return self._details

    def trailing_metadata(self):
        return ()


def test_violations_reason_and_metadata_come_back():
    status = make_status(
        grpc.StatusCode.INVALID_ARGUMENT, "2 faults", error_info("OUT_OF_RANGE", limit="3"), bad_request(a="x", b="y")
    )

    error = error_from_status(status)

    assert type(error) is InvalidArgumentError
    assert (error.message, error.reason, error.metadata) == ("2 faults", "OUT_OF_RANGE", {"limit": "3"})
    assert {item.field: item.description for item in error.violations} == {"a": "x", "b": "y"}


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "DATASET_INVALID", InvalidRowsError),
        (grpc.StatusCode.FAILED_PRECONDITION, "ARTIFACT_CORRUPT", ArtifactError),
        (grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND", NotFoundError),
        (grpc.StatusCode.UNKNOWN, "", InternalError),
    ],
)
def test_code_and_reason_choose_the_class(code, reason, kind):
    assert type(error_from_status(make_status(code, "wrong", error_info(reason)))) is kind


def test_an_exhausted_service_says_when_to_try_again():
    retry = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=7))

    error = error_from_status(make_status(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", error_info("QUEUE_FULL"), retry))

    assert isinstance(error, ExhaustedError)
    assert error.retry_after.total_seconds() == 7


def test_a_service_that_is_not_there_is_named_with_the_remedy():
    failure = call_failure(BrokenCall(grpc.StatusCode.UNAVAILABLE, "a: b: Connection refused"), "host:1")

    assert failure.repeatable
    assert isinstance(failure.error, UnavailableError)
    assert "host:1 (Connection refused)" in failure.error.message
    assert "foreword serve" in failure.error.message


@pytest.mark.parametrize(
    ("code", "repeatable"),
    [
        (grpc.StatusCode.CANCELLED, True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, False),
        (grpc.StatusCode.DEADLINE_EXCEEDED, False),
        (grpc.StatusCode.UNIMPLEMENTED, False),
        (grpc.StatusCode.INTERNAL, False),
    ],
)
def test_only_what_can_pass_by_itself_is_repeatable(code, repeatable):
    assert call_failure(BrokenCall(code, "details"), "host:1").repeatable is repeatable


@pytest.mark.parametrize(
    ("details", "remedy"),
    [
        ("SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED: self signed certificate: OK", "--tls-ca"),
        ("SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER: Invalid context: OK", "http://host:1"),
        ("errors resolving host: [field: address lookup failed: Domain name not found]", "(Domain name not found)"),
    ],
)
def test_the_reason_for_a_failed_connection_is_reported_with_its_remedy(details, remedy):
    assert remedy in call_failure(BrokenCall(grpc.StatusCode.UNAVAILABLE, details), "host:1").error.message


@pytest.mark.parametrize(
    ("raised", "facts"),
    [
        (InvalidArgumentError.of("rows[1].input", "is empty"), {"reason": "INVALID_ARGUMENT"}),
        (InvalidRowsError([FieldViolation(field="rows[1]", description="is no JSON")]), {"reason": "DATASET_INVALID"}),
        (NotFoundError.of("tenants/a/datasets/d"), {"resource": "tenants/a/datasets/d"}),
        (AlreadyExistsError("taken", metadata={"resource": "complaints"}), {"resource": "complaints"}),
        (FailedPreconditionError("no", reason="TOO_FEW_ROWS", metadata={"minimum": "8"}), {"reason": "TOO_FEW_ROWS"}),
        (PermissionDeniedError("no", metadata={"scope": "write"}), {"scope": "write"}),
        (ExhaustedError("full", retry_after=timedelta(seconds=2.5)), {"retry_after": timedelta(seconds=2.5)}),
        (ExhaustedError("full", quota="tenants/acme"), {"quota": "tenants/acme"}),
        (InternalError("oh", metadata={"error_id": "7f"}), {"error_id": "7f"}),
        (ArtifactError("corrupt"), {"resource": ""}),
    ],
)
def test_an_error_arrives_as_it_was_raised_with_its_facts_as_attributes(raised, facts):
    _, _, status = status_of(raised)

    arrived = error_from_status(status)

    assert type(arrived) is type(raised)
    assert (arrived.message, arrived.reason, arrived.metadata) == (raised.message, raised.reason, raised.metadata)
    assert {name: getattr(arrived, name) for name in facts} == facts
    assert getattr(arrived, "violations", None) == getattr(raised, "violations", None)
