"""Conversion of captured requests, and of what is captured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from foreword.domain.capture import (
    DEFAULT_MAX_REQUESTS,
    DEFAULT_RETENTION_DAYS,
    MAX_MAX_REQUESTS,
    MAX_REQUEST_ID,
    MAX_RETENTION_DAYS,
    CapturedRequest,
    CapturePolicy,
)
from foreword.domain.violations import Violations
from foreword.names import DeploymentName
from foreword.server.convert.timestamps import timestamp
from foreword.storage.lists.filter_grammar import MAX_FILTER_CHARACTERS
from foreword.v1 import capture_pb2, capture_service_pb2

MAX_DELETED_IDS: Final = 1_000


def capture_policy(item: CapturePolicy) -> capture_pb2.CapturePolicy:
    """Convert a policy to a message."""
    return capture_pb2.CapturePolicy(
        share=item.share, retention_days=item.retention_days, max_requests=item.max_requests
    )


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
