"""Decoding of values that several resources contain: findings, reports, evaluations and parameters."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from foreword.client.status import failure_from_status
from foreword.domain.answer_calibration import AnswerCalibration, CalibrationSource, PrecisionThreshold
from foreword.domain.experiment import TaskOptions
from foreword.domain.failure import Failure
from foreword.domain.parameters import ParameterSpec, TuneParameters
from foreword.domain.report import (
    Calibration,
    CalibrationBin,
    DataReport,
    EvaluationExample,
    Finding,
    Histogram,
    Interval,
    Matrix,
    MetricSpec,
    ReportPart,
    Severity,
    SystemEvaluation,
    Table,
    Values,
)
from foreword.domain.suspect_rows import SuspectRow, SuspectRows
from foreword.errors import InternalError
from foreword.v1 import (
    catalog_pb2,
    dataset_pb2,
    report_pb2,
    system_evaluation_pb2,
    tune_experiment_pb2,
    tune_parameters_pb2,
    tuned_model_pb2,
)

Member = TypeVar("Member", bound=Enum)


def member(kind: type[Member], wrapper: EnumTypeWrapper, prefix: str, number: int) -> Member:
    """Return the member of a domain enum for a number of the API."""
    try:
        return kind[wrapper.Name(number).removeprefix(prefix)]
    except (KeyError, ValueError):
        raise InternalError(
            f"The service returned {kind.__name__} {number}, which this client does not know. Upgrade the client.",
            reason="CLIENT_TOO_OLD",
        ) from None


def time(message: Message, field: str) -> datetime | None:
    """Decode a point in time; None if it is unset."""
    if not message.HasField(field):
        return None
    value: datetime = getattr(message, field).ToDatetime(tzinfo=UTC)
    return value


def optional(message: Message, field: str) -> Any:
    """Return the value of an optional field; None if it is unset."""
    return getattr(message, field) if message.HasField(field) else None


def json_value(message: Message) -> Any:
    """Decode a `google.protobuf.Value`, which stores every number as a double; whole numbers become int."""
    return _with_whole_numbers(json_format.MessageToDict(message))


def _with_whole_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_whole_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def failure(message: Message) -> Failure | None:
    """Decode the failure of a resource; None if it has not failed."""
    return failure_from_status(getattr(message, "error")) if message.HasField("error") else None  # noqa: B009


def finding(message: report_pb2.Finding) -> Finding:
    """Decode a finding."""
    return Finding(
        severity=member(Severity, report_pb2.Severity, "SEVERITY_", message.severity),
        code=message.code,
        message=message.message,
        remedy=message.remedy,
        rows=tuple(message.rows),
        row_count=message.row_count,
        column=message.column,
        excerpt=message.excerpt,
        source=message.source,
    )


def _matrix(message: report_pb2.Matrix) -> Matrix:
    width = len(message.column_labels)
    values = tuple(tuple(message.values[row * width : (row + 1) * width]) for row in range(len(message.row_labels)))
    return Matrix(row_labels=tuple(message.row_labels), column_labels=tuple(message.column_labels), values=values)


def report_part(message: report_pb2.ReportPart) -> ReportPart:
    """Decode a part of a report; a kind that this client does not know becomes an empty list of values."""
    content: Table | Histogram | Matrix | Values
    match message.WhichOneof("content"):
        case "table":
            table = message.table
            content = Table(columns=tuple(table.columns), rows=tuple(tuple(row.cells) for row in table.rows))
        case "histogram":
            histogram = message.histogram
            content = Histogram(
                unit=histogram.unit,
                edges=tuple(histogram.edges),
                counts=tuple(int(count) for count in histogram.counts),
            )
        case "matrix":
            content = _matrix(message.matrix)
        case _:
            content = Values(values=dict(message.values.values))
    return ReportPart(id=message.id, title=message.title, content=content)


def data_report(message: dataset_pb2.DataReport) -> DataReport:
    """Decode a data report."""
    return DataReport(
        row_count=message.row_count,
        usable_row_count=message.usable_row_count,
        findings=tuple(finding(item) for item in message.findings),
        omitted_finding_count=message.omitted_finding_count,
        parts=tuple(report_part(item) for item in message.parts),
        format=message.format,
    )


def metric_spec(message: report_pb2.MetricSpec) -> MetricSpec:
    """Decode the description of a metric."""
    return MetricSpec(
        id=message.id,
        display_name=message.display_name,
        description=message.description,
        higher_is_better=message.higher_is_better,
    )


def evaluation(message: system_evaluation_pb2.SystemEvaluation) -> SystemEvaluation:
    """Decode the held-out results of one system."""
    return SystemEvaluation(
        system=message.system,
        metrics=dict(message.metrics),
        main_metric=message.main_metric,
        row_count=message.row_count,
        mean_tokens=message.mean_tokens,
        soft_prompt_tokens=message.soft_prompt_tokens,
        parts=tuple(report_part(item) for item in message.parts),
        examples=tuple(
            EvaluationExample(input=item.input, reference=item.reference, prediction=item.prediction)
            for item in message.examples
        ),
        intervals={id: interval(item) for id, item in message.intervals.items()},
        calibration=calibration(message.calibration) if message.HasField("calibration") else None,
        mean_seconds=message.mean_seconds,
    )


def interval(message: system_evaluation_pb2.Interval) -> Interval:
    """Decode an interval."""
    return Interval(lower=message.lower, upper=message.upper)


def calibration(message: system_evaluation_pb2.Calibration) -> Calibration:
    """Decode the calibration of a system."""
    return Calibration(
        expected_calibration_error=message.expected_calibration_error,
        bins=tuple(
            CalibrationBin(mean_probability=item.mean_probability, accuracy=item.accuracy, row_count=item.row_count)
            for item in message.bins
        ),
    )


def answer_calibration(message: tuned_model_pb2.AnswerCalibration) -> AnswerCalibration:
    """Decode the calibration of a tuned model."""
    return AnswerCalibration(
        temperature=message.temperature,
        source=member(CalibrationSource, tuned_model_pb2.CalibrationSource, "CALIBRATION_SOURCE_", message.source),
        row_count=message.row_count,
        fitted_row_count=message.fitted_row_count,
        expected_calibration_error_before=message.expected_calibration_error_before,
        expected_calibration_error_after=message.expected_calibration_error_after,
        expected_calibration_error_by_chance=optional(message, "expected_calibration_error_by_chance"),
        p_value=optional(message, "p_value"),
        thresholds=tuple(
            PrecisionThreshold(
                precision=item.precision,
                probability=item.probability,
                row_count=item.row_count,
                right_count=item.right_count,
                label=item.label,
                estimated_precision=optional(item, "estimated_precision"),
                precision_lower_bound=optional(item, "precision_lower_bound"),
            )
            for item in message.thresholds
        ),
    )


def suspect_rows(message: tune_experiment_pb2.SuspectRows) -> SuspectRows:
    """Decode the rows that look mislabelled; their `dataset` is the resource name."""
    return SuspectRows(
        rows=tuple(
            SuspectRow(
                dataset=item.dataset,
                row=item.row,
                loss=item.loss,
                input=item.input,
                output=item.output,
                prediction=item.prediction,
            )
            for item in message.rows
        ),
        examined_row_count=message.examined_row_count,
        row_count=message.row_count,
    )


def tune_parameters(message: tune_parameters_pb2.TuneParameters) -> TuneParameters:
    """Decode tuning parameters; unset ones become None."""
    names = [item.name for item in fields(TuneParameters) if item.name != "method_parameters"]
    values = {name: optional(message, name) for name in names}
    return TuneParameters(**values, method_parameters=json_format.MessageToDict(message.method_parameters))


def task_options(message: tune_parameters_pb2.TaskOptions) -> TaskOptions:
    """Decode task options; unset ones become None or empty."""
    return TaskOptions(
        labels=tuple(message.labels),
        multi_label=optional(message, "multi_label"),
        separator=optional(message, "separator"),
        extra=json_format.MessageToDict(message.extra) if message.HasField("extra") else None,
    )


def parameter_spec(message: catalog_pb2.ParameterSpec) -> ParameterSpec:
    """Decode the description of a parameter."""
    return ParameterSpec(
        name=message.name,
        description=message.description,
        type=message.type,
        minimum=optional(message, "minimum"),
        maximum=optional(message, "maximum"),
        default=json_format.MessageToDict(message.default_value) if message.HasField("default_value") else None,
        unit=message.unit,
        choices=tuple(message.choices),
        exclusive_minimum=message.exclusive_minimum,
    )
