"""Conversion of reports of drift."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from foreword.domain.drift import DEFAULT_REQUESTS, MAX_REQUESTS, MIN_REQUESTS, DriftMeasure, DriftReport
from foreword.domain.violations import Violations
from foreword.names import DeploymentName
from foreword.server.convert.timestamps import parse_timestamp, timestamp
from foreword.v1 import capture_service_pb2, drift_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRequest:
    """A parsed MeasureDrift request. `since` is None if all requests count."""

    deployment: DeploymentName
    max_requests: int
    since: datetime | None


def parse_drift_request(request: capture_service_pb2.MeasureDriftRequest) -> DriftRequest:
    """Parse a MeasureDrift request."""
    violations = Violations()
    name = violations.collect(lambda: DeploymentName.parse(request.name))
    if request.max_requests:
        violations.number("max_requests", request.max_requests, minimum=MIN_REQUESTS, maximum=MAX_REQUESTS)
    since: datetime | None = None
    if request.HasField("since"):
        since = violations.collect(lambda: parse_timestamp("since", request.since))
    violations.check()
    assert name is not None
    return DriftRequest(deployment=name, max_requests=request.max_requests or DEFAULT_REQUESTS, since=since)


def drift_report(item: DriftReport) -> drift_pb2.DriftReport:
    """Convert a report to a message."""
    return drift_pb2.DriftReport(
        model_version=item.model,
        verdict=f"DRIFT_VERDICT_{item.verdict.name}",
        request_count=item.request_count,
        first_time=None if item.first_time is None else timestamp(item.first_time),
        last_time=None if item.last_time is None else timestamp(item.last_time),
        measure_time=timestamp(item.measure_time),
        measures=map(_measure, item.measures),
    )


def _measure(item: DriftMeasure) -> drift_pb2.DriftMeasure:
    return drift_pb2.DriftMeasure(
        kind=f"KIND_{item.kind.name}",
        verdict=f"DRIFT_VERDICT_{item.verdict.name}",
        request_count=item.request_count,
        reference_count=item.reference_count,
        value=item.value,
        lower=item.lower,
        upper=item.upper,
        p_value=item.p_value,
        tolerance=item.tolerance,
        changes=[
            drift_pb2.DriftChange(
                name=change.name, reference_share=change.reference_share, request_share=change.request_share
            )
            for change in item.changes
        ],
    )
