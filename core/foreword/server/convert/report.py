"""Conversion of findings, report parts, data reports and evaluations to messages."""

from __future__ import annotations

from collections.abc import Iterable

from foreword.domain.report import (
    Calibration,
    DataReport,
    Finding,
    Histogram,
    Interval,
    Matrix,
    MetricSpec,
    ReportPart,
    SystemEvaluation,
    Table,
    Values,
)
from foreword.turns.cancellation import check_cancelled
from foreword.v1 import dataset_pb2, report_pb2, system_evaluation_pb2


def finding(item: Finding) -> report_pb2.Finding:
    """Convert a finding to a message."""
    return report_pb2.Finding(
        severity=f"SEVERITY_{item.severity.name}",
        code=item.code,
        message=item.message,
        remedy=item.remedy,
        rows=item.rows,
        row_count=item.row_count,
        column=item.column,
        excerpt=item.excerpt,
        source=item.source,
    )


def report_part(part: ReportPart) -> report_pb2.ReportPart:
    """Convert a report part to a message."""
    check_cancelled()
    message = report_pb2.ReportPart(id=part.id, title=part.title)
    match part.content:
        case Table(columns=columns, rows=rows):
            table = report_pb2.Table(columns=columns, rows=[report_pb2.TableRow(cells=row) for row in rows])
            message.table.CopyFrom(table)
        case Histogram(unit=unit, edges=edges, counts=counts):
            message.histogram.CopyFrom(report_pb2.Histogram(unit=unit, edges=edges, counts=counts))
        case Matrix(row_labels=row_labels, column_labels=column_labels, values=rows_of_values):
            values = [value for row in rows_of_values for value in row]
            matrix = report_pb2.Matrix(row_labels=row_labels, column_labels=column_labels, values=values)
            message.matrix.CopyFrom(matrix)
        case Values(values=values_by_name):
            message.values.CopyFrom(report_pb2.Values(values=dict(values_by_name)))
    return message


def data_report(report: DataReport) -> dataset_pb2.DataReport:
    """Convert a data report to a message."""
    return dataset_pb2.DataReport(
        row_count=report.row_count,
        usable_row_count=report.usable_row_count,
        findings=[finding(item) for item in report.findings],
        omitted_finding_count=report.omitted_finding_count,
        parts=[report_part(part) for part in report.parts],
        format=report.format,
    )


def metric_spec(metric: MetricSpec) -> report_pb2.MetricSpec:
    """Convert the description of a metric to a message."""
    return report_pb2.MetricSpec(
        id=metric.id,
        display_name=metric.display_name,
        description=metric.description,
        higher_is_better=metric.higher_is_better,
    )


def evaluations(items: Iterable[SystemEvaluation]) -> list[system_evaluation_pb2.SystemEvaluation]:
    """Convert evaluations to messages."""
    return [
        system_evaluation_pb2.SystemEvaluation(
            system=item.system,
            metrics=dict(item.metrics),
            main_metric=item.main_metric,
            row_count=item.row_count,
            mean_tokens=item.mean_tokens,
            soft_prompt_tokens=item.soft_prompt_tokens,
            parts=[report_part(part) for part in item.parts],
            examples=[
                system_evaluation_pb2.EvaluationExample(
                    input=example.input, reference=example.reference, prediction=example.prediction
                )
                for example in item.examples
            ],
            intervals={id: interval(value) for id, value in item.intervals.items()},
            calibration=None if item.calibration is None else calibration(item.calibration),
            mean_seconds=item.mean_seconds,
        )
        for item in items
    ]


def interval(item: Interval) -> system_evaluation_pb2.Interval:
    """Convert an interval to a message."""
    return system_evaluation_pb2.Interval(lower=item.lower, upper=item.upper)


def calibration(item: Calibration) -> system_evaluation_pb2.Calibration:
    """Convert a calibration to a message."""
    return system_evaluation_pb2.Calibration(
        expected_calibration_error=item.expected_calibration_error,
        bins=[
            system_evaluation_pb2.CalibrationBin(
                mean_probability=part.mean_probability, accuracy=part.accuracy, row_count=part.row_count
            )
            for part in item.bins
        ],
    )
