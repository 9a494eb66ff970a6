"""Conversion of captured requests, and of what is captured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from foreword.domain.capture import (
    DEFAULT_MAX_REQUESTS,
    DEFAULT_RETENTION_DAYS,
    MAX_CAPTURED_CHARACTERS,
    MAX_MAX_REQUESTS,
    MAX_REQUEST_ID,
    MAX_RETENTION_DAYS,
    CapturedRequest,
    CapturePolicy,
    CaptureUsage,
    Feedback,
    RightAnswer,
)
from foreword.domain.experiment import MAX_LABEL_CHARACTERS, MAX_LABELS
from foreword.domain.violations import Violations
from foreword.names import DeploymentName
from foreword.personal_data import holds_email
from foreword.server.convert.text_limits import MAX_DESCRIPTION, MAX_DISPLAY_NAME
from foreword.server.convert.timestamps import timestamp
from foreword.storage.lists.filter_grammar import MAX_FILTER_CHARACTERS
from foreword.v1 import capture_pb2, capture_service_pb2

MAX_DELETED_IDS: Final = 1_000


def capture_policy(item: CapturePolicy) -> capture_pb2.CapturePolicy:
    """Convert a policy to a message."""
    return capture_pb2.CapturePolicy(
        share=item.share, retention_days=item.retention_days, max_requests=item.max_requests
    )


def capture_usage(item: CaptureUsage) -> capture_pb2.CaptureUsage:
    """Convert the usage of a deployment to a message."""
    return capture_pb2.CaptureUsage(request_count=item.request_count, byte_size=item.byte_size, full=item.full)


def parse_capture_policy(violations: Violations, field: str, message: capture_pb2.CapturePolicy) -> CapturePolicy:
    """Parse a policy; unset values have their defaults.

    Args:
        field: Path of the message, for faults.
    """
    days = message.retention_days if message.HasField("retention_days") else DEFAULT_RETENTION_DAYS
    most = message.max_requests if message.HasField("max_requests") else DEFAULT_MAX_REQUESTS
    return CapturePolicy(
        share=violations.number(f"{field}.share", message.share, minimum=0, maximum=1),
        retention_days=violations.number(f"{field}.retention_days", days, minimum=1, maximum=MAX_RETENTION_DAYS),
        max_requests=violations.number(f"{field}.max_requests", most, minimum=1, maximum=MAX_MAX_REQUESTS),
    )


def captured_request(item: CapturedRequest) -> capture_pb2.CapturedRequest:
    """Convert a captured request to a message."""
    seen = item.seen
    return capture_pb2.CapturedRequest(
        request_id=seen.request_id,
        create_time=timestamp(item.create_time),
        revision=seen.revision,
        model_version=seen.model,
        input=seen.input,
        output=seen.output,
        labels=seen.labels or (),
        probability=seen.probability,
        threshold=seen.threshold,
        abstained=seen.abstained,
        captured=item.captured,
        feedback=feedback(item) if item.feedback is not None else None,
    )


def feedback(item: CapturedRequest) -> capture_pb2.Feedback:
    """Convert the feedback of a request to a message."""
    given = item.feedback
    assert given is not None
    right = given.right or RightAnswer()
    return capture_pb2.Feedback(
        request_id=item.seen.request_id,
        right_labels=None if right.labels is None else capture_pb2.RightLabels(labels=right.labels),
        right_output=right.output,
        comment=given.comment,
        score=given.score,
        author=given.author,
        submit_time=None if given.submit_time is None else timestamp(given.submit_time),
        correct=item.correct,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFeedback:
    """A parsed SubmitFeedback request.

    Attributes:
        deployment: Serving name or resource name of the deployment.
        input: Input of the request; empty if it was not sent.
    """

    deployment: str
    request_id: str
    input: str
    feedback: Feedback
    allow_new_labels: bool


def parse_feedback(request: capture_service_pb2.SubmitFeedbackRequest) -> NewFeedback:
    """Parse a SubmitFeedback request. Its labels are not compared with those of the model.

    Raises:
        InvalidArgumentError: A field is invalid, or nothing is said about the answer.
    """
    violations = Violations()
    message = request.feedback
    violations.text("deployment", request.deployment, 3 * MAX_DISPLAY_NAME, required=True)
    violations.text("feedback.request_id", message.request_id, MAX_REQUEST_ID, required=True)
    if holds_email(message.request_id):
        violations.add(
            "feedback.request_id", "must not hold an e-mail address; set the request_id of the answer, which never does"
        )
    violations.text("feedback.input", message.input, MAX_CAPTURED_CHARACTERS, required=bool(message.input))
    violations.text("feedback.comment", message.comment, MAX_DESCRIPTION)
    right: RightAnswer | None = None
    match message.WhichOneof("right_answer"):
        case "right_labels":
            right = RightAnswer(labels=_parse_right_labels(violations, message.right_labels.labels))
        case "right_output":
            text = violations.text(
                "feedback.right_output", message.right_output, MAX_CAPTURED_CHARACTERS, required=True
            )
            right = RightAnswer(output=text)
    score = message.score if message.HasField("score") else None
    if score is not None:
        violations.number("feedback.score", score, minimum=0, maximum=1)
    if right is None and score is None and not message.comment.strip():
        violations.add("feedback", "says nothing; set right_labels, right_output, score or comment")
    violations.check()
    return NewFeedback(
        deployment=request.deployment,
        request_id=message.request_id,
        input=message.input,
        feedback=Feedback(right=right, comment=message.comment, score=score),
        allow_new_labels=request.allow_new_labels,
    )


def _parse_right_labels(violations: Violations, labels: Sequence[str]) -> tuple[str, ...]:
    field = "feedback.right_labels.labels"
    if len(labels) > MAX_LABELS:
        violations.add(field, f"must hold at most {MAX_LABELS:,}, not {len(labels):,}")
        return ()
    for place, label in enumerate(labels):
        violations.text(f"{field}[{place}]", label, MAX_LABEL_CHARACTERS, required=True)
    if len(set(labels)) < len(labels):
        violations.add(field, "must not hold a label twice")
    return tuple(labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureExport:
    """A parsed ExportCapturedRequests request."""

    deployment: DeploymentName
    display_name: str
    description: str
    filter: str
    unlabelled: bool


def parse_export(request: capture_service_pb2.ExportCapturedRequestsRequest) -> CaptureExport:
    """Parse an ExportCapturedRequests request."""
    violations = Violations()
    name = violations.collect(lambda: DeploymentName.parse(request.name))
    display_name = violations.name("display_name", request.display_name, MAX_DISPLAY_NAME, required=True)
    description = violations.text("description", request.description, MAX_DESCRIPTION)
    violations.text("filter", request.filter, MAX_FILTER_CHARACTERS)
    violations.check()
    assert name is not None
    return CaptureExport(
        deployment=name,
        display_name=display_name,
        description=description,
        filter=request.filter.strip(),
        unlabelled=request.unlabelled,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureDeletion:
    """A parsed DeleteCapturedRequests request. `request_ids` is None if the filter selects the requests."""

    deployment: DeploymentName
    request_ids: tuple[str, ...] | None
    filter: str


def parse_deletion(request: capture_service_pb2.DeleteCapturedRequestsRequest) -> CaptureDeletion:
    """Parse a DeleteCapturedRequests request.

    Raises:
        InvalidArgumentError: The name is invalid, or there are both ids and a filter, or neither.
    """
    violations = Violations()
    name = violations.collect(lambda: DeploymentName.parse(request.name))
    if len(request.request_ids) > MAX_DELETED_IDS:
        violations.add("request_ids", f"must hold at most {MAX_DELETED_IDS:,}, not {len(request.request_ids):,}")
    for place, id in enumerate(request.request_ids[:MAX_DELETED_IDS]):
        violations.text(f"request_ids[{place}]", id, MAX_REQUEST_ID, required=True)
    violations.text("filter", request.filter, MAX_FILTER_CHARACTERS)
    if bool(request.request_ids) == bool(request.filter.strip()):
        violations.add("filter", "must be set, or else request_ids, but not both; * selects all captured requests")
    violations.check()
    assert name is not None
    return CaptureDeletion(
        deployment=name,
        request_ids=tuple(request.request_ids) or None,
        filter=request.filter.strip(),
    )
