"""Encoding and decoding of captured requests."""

from __future__ import annotations

from foreword.client import decode_values as values
from foreword.client.capture_resources import CapturedRequest, Feedback
from foreword.client.message import build
from foreword.domain.capture import CapturePolicy, CaptureProvenance, CaptureUsage
from foreword.errors import InvalidArgumentError
from foreword.v1 import capture_pb2, dataset_pb2


def encode_capture(policy: CapturePolicy | None) -> capture_pb2.CapturePolicy | None:
    """Return the message of a policy; None without one.

    Raises:
        InvalidArgumentError: It is no CapturePolicy, or a value cannot be sent.
    """
    if policy is None:
        return None
    if not isinstance(policy, CapturePolicy):
        raise InvalidArgumentError.of("capture", f"must be a CapturePolicy, not {type(policy).__name__}")
    names = capture_pb2.CapturePolicy.DESCRIPTOR.fields_by_name
    return build(capture_pb2.CapturePolicy, "deployment.capture", **{name: getattr(policy, name) for name in names})


def decode_capture(message: capture_pb2.CapturePolicy) -> CapturePolicy:
    """Decode which requests are captured."""
    return CapturePolicy(share=message.share, retention_days=message.retention_days, max_requests=message.max_requests)


def decode_capture_usage(message: capture_pb2.CaptureUsage) -> CaptureUsage:
    """Decode how much room captured requests take."""
    return CaptureUsage(request_count=message.request_count, byte_size=message.byte_size, full=message.full)


def decode_captured_request(message: capture_pb2.CapturedRequest) -> CapturedRequest:
    """Decode a captured request."""
    return CapturedRequest(
        request_id=message.request_id,
        create_time=values.time(message, "create_time"),
        revision=message.revision,
        model_version=message.model_version,
        input=message.input,
        output=message.output,
        labels=tuple(message.labels),
        probability=values.optional(message, "probability"),
        threshold=values.optional(message, "threshold"),
        abstained=values.optional(message, "abstained"),
        captured=message.captured,
        feedback=decode_feedback(message.feedback) if message.HasField("feedback") else None,
    )


def decode_feedback(message: capture_pb2.Feedback) -> Feedback:
    """Decode feedback."""
    has_labels = message.HasField("right_labels")
    return Feedback(
        request_id=message.request_id,
        right_labels=tuple(message.right_labels.labels) if has_labels else None,
        right_output=values.optional(message, "right_output"),
        comment=message.comment,
        score=values.optional(message, "score"),
        author=message.author,
        submit_time=values.time(message, "submit_time"),
        correct=values.optional(message, "correct"),
    )


def decode_provenance(message: dataset_pb2.Dataset) -> CaptureProvenance | None:
    """Decode which captured requests the rows of a dataset are; None if they are those of a file."""
    made, first = message.captured_from, values.time(message.captured_from, "first_time")
    last = values.time(made, "last_time")
    if first is None or last is None:
        return None
    return CaptureProvenance(
        deployment=made.deployment,
        filter=made.filter,
        request_count=made.request_count,
        unanswered_count=made.unanswered_count,
        repeated_count=made.repeated_count,
        revisions=tuple(made.revisions),
        first_time=first,
        last_time=last,
    )
