"""Decoding of comparisons of tuning runs."""

from __future__ import annotations

from foreword.client import comparison_resources as resources
from foreword.client import decode_values as values
from foreword.client.decode import experiment_state
from foreword.domain.comparison import RowOverlap
from foreword.domain.differing_fields import ComparedValue, DifferingField
from foreword.domain.report import MetricDifference
from foreword.domain.thin_curve import CurvePoint
from foreword.v1 import tune_comparison_pb2, tune_experiment_service_pb2


def tune_comparison(message: tune_experiment_service_pb2.CompareTuneExperimentsResponse) -> resources.TuneComparison:
    """Decode a comparison."""
    return resources.TuneComparison(
        tune_experiments=tuple(_run(run) for run in message.tune_experiments),
        differing_fields=tuple(_field(field) for field in message.differing_fields),
        omitted_field_count=message.omitted_field_count,
        datasets=tuple(_dataset(dataset) for dataset in message.datasets),
        findings=tuple(values.finding(item) for item in message.findings),
    )


def _run(message: tune_comparison_pb2.ComparedTuneExperiment) -> resources.ComparedTuneExperiment:
    return resources.ComparedTuneExperiment(
        name=message.name,
        display_name=message.display_name,
        state=experiment_state(message.state),
        main_metric=message.main_metric,
        metrics=dict(message.metrics),
        evaluated_row_count=message.evaluated_row_count,
        mean_tokens=message.mean_tokens,
        capacity_unit_hours=message.capacity_unit_hours,
        dataset=message.dataset,
        held_out_group=message.held_out_group,
        tuned_model=message.tuned_model,
        curve=tuple(
            CurvePoint(
                epoch=point.epoch,
                loss=point.loss,
                validation_loss=values.optional(point, "validation_loss"),
                validation_metric=values.optional(point, "validation_metric"),
            )
            for point in message.curve
        ),
        keep_best=message.keep_best,
        differences={
            item.metric: MetricDifference(
                difference=item.difference,
                interval=values.interval(item.interval) if item.HasField("interval") else None,
            )
            for item in message.differences
        },
    )


def _field(message: tune_comparison_pb2.DifferingField) -> DifferingField:
    found = tuple(ComparedValue(value=values.json_value(item.value), source=item.source) for item in message.values)
    return DifferingField(path=message.path, values=found)


def _dataset(message: tune_comparison_pb2.ComparedDataset) -> resources.ComparedDataset:
    overlap = None
    if message.HasField("overlap"):
        overlap = RowOverlap(
            shared=message.overlap.shared_row_count,
            added=message.overlap.added_row_count,
            removed=message.overlap.removed_row_count,
            relabelled=message.overlap.relabelled_row_count,
        )
    return resources.ComparedDataset(
        name=message.name,
        display_name=message.display_name,
        version=message.version,
        row_count=message.row_count,
        content_sha256=message.content_sha256,
        overlap=overlap,
        deleted=message.deleted,
    )
