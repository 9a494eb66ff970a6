"""Failures are stored as the errors they come from."""

from __future__ import annotations

from foreword.domain.failure import Failure
from foreword.errors import ArtifactError, FailedPreconditionError, InternalError


def test_a_failure_records_kind_reason_and_message_of_an_error():
    error = FailedPreconditionError("It diverged. Lower the learning rate.", reason="DIVERGED")

    assert Failure.of(error) == Failure(
        kind="failed_precondition", reason="DIVERGED", message="It diverged. Lower the learning rate."
    )


def test_a_failure_has_the_reason_of_the_errors_class_when_it_was_given_none():
    assert Failure.of(ArtifactError("It is damaged.")).reason == "ARTIFACT_CORRUPT"


def test_a_long_message_is_cut():
    failure = Failure.of(InternalError("x" * 2_000))

    assert failure.message == "x" * 994 + " [...]"
