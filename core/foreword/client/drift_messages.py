"""Decoding of reports of drift."""

from __future__ import annotations

from foreword.client import decode_values as values
from foreword.domain.drift import DriftChange, DriftKind, DriftMeasure, DriftReport, DriftVerdict
from foreword.errors import InternalError
from foreword.v1 import drift_pb2


def decode_drift(message: drift_pb2.DriftReport) -> DriftReport:
    """Decode a report of drift."""
    measure_time = values.time(message, "measure_time")
    if measure_time is None:
        raise InternalError("The service returned a report of drift without a time.", reason="CLIENT_TOO_OLD")
    return DriftReport(
        model=message.model_version,
        request_count=message.request_count,
        first_time=values.time(message, "first_time"),
        last_time=values.time(message, "last_time"),
        measure_time=measure_time,
        measures=tuple(_measure(item) for item in message.measures),
    )


def _measure(message: drift_pb2.DriftMeasure) -> DriftMeasure:
    return DriftMeasure(
        kind=values.member(DriftKind, drift_pb2.DriftMeasure.Kind, "KIND_", message.kind),
        verdict=values.member(DriftVerdict, drift_pb2.DriftVerdict, "DRIFT_VERDICT_", message.verdict),
        request_count=message.request_count,
        reference_count=message.reference_count,
        value=values.optional(message, "value"),
        lower=values.optional(message, "lower"),
        upper=values.optional(message, "upper"),
        p_value=values.optional(message, "p_value"),
        tolerance=message.tolerance,
        changes=tuple(
            DriftChange(name=item.name, reference_share=item.reference_share, request_share=item.request_share)
            for item in message.changes
        ),
    )
