"""Encoding and decoding of captured requests."""

from __future__ import annotations

from foreword.client import decode_values as values
from foreword.client.capture_resources import CapturedRequest
from foreword.client.message import build
from foreword.domain.capture import CapturePolicy
from foreword.errors import InvalidArgumentError
from foreword.v1 import capture_pb2


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
    )
