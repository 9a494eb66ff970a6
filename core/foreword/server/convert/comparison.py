"""Conversion of comparisons of experiments."""

from __future__ import annotations

from functools import partial

from foreword.domain.comparison import MAX_COMPARED, MIN_COMPARED, ComparedDataset, ComparedRun, Comparison
from foreword.domain.differing_fields import DifferingField
from foreword.domain.thin_curve import CurvePoint
from foreword.domain.violations import Violations
from foreword.names import DatasetName, TunedModelName, TuneExperimentName
from foreword.server.convert.report import finding, interval
from foreword.server.convert.structs import struct_value
from foreword.turns.cancellation import check_cancelled
from foreword.v1 import tune_comparison_pb2, tune_experiment_service_pb2


def parse_compared(
    request: tune_experiment_service_pb2.CompareTuneExperimentsRequest,
) -> tuple[TuneExperimentName, ...]:
    """Parse the names of the experiments to compare.

    Raises:
        InvalidArgumentError: There are too few or too many, a name is malformed, or an experiment is named twice.
    """
    violations = Violations()
    count = len(request.names)
    if count < MIN_COMPARED:
        violations.add("names", f"must name at least {MIN_COMPARED} experiments, not {count}")
    elif count > MAX_COMPARED:
        violations.add("names", f"must name at most {MAX_COMPARED} experiments, not {count:,}")
    places: dict[TuneExperimentName, int] = {}
    for place, text in enumerate(request.names[:MAX_COMPARED]):
        name = violations.collect(partial(TuneExperimentName.parse, text, f"names[{place}]"))
        if name is None:
            continue
        first = places.setdefault(name, place)
        if first != place:
            violations.add(f"names[{place}]", f"is the same experiment as names[{first}]; name each experiment once")
    violations.check()
    return tuple(places)


def comparison(tenant: str, item: Comparison) -> tune_experiment_service_pb2.CompareTuneExperimentsResponse:
    """Convert a comparison to a message."""
    return tune_experiment_service_pb2.CompareTuneExperimentsResponse(
        tune_experiments=[_run(tenant, run, group) for run, group in zip(item.runs, item.held_out_groups, strict=True)],
        differing_fields=[_field(field) for field in item.differing_fields],
        omitted_field_count=item.omitted_field_count,
        datasets=[_dataset(tenant, dataset) for dataset in item.datasets],
        findings=[finding(found) for found in item.findings],
    )


def _run(tenant: str, run: ComparedRun, held_out_group: int) -> tune_comparison_pb2.ComparedTuneExperiment:
    experiment, result = run.experiment, run.result
    message = tune_comparison_pb2.ComparedTuneExperiment(
        name=str(TuneExperimentName(tenant, experiment.id)),
        display_name=experiment.display_name,
        state=f"STATE_{experiment.state.name}",
        capacity_unit_hours=experiment.compute_seconds / 3600,
        dataset=str(DatasetName(tenant, experiment.config.dataset)),
        held_out_group=held_out_group,
        tuned_model=str(TunedModelName(tenant, experiment.tuned_model)) if experiment.tuned_model else "",
        curve=[_point(point) for point in run.curve],
        keep_best=experiment.plan.parameters.keep_best,
    )
    if result is not None:
        message.main_metric = result.main_metric
        message.metrics.update(result.metrics)
        message.differences.extend(
            tune_comparison_pb2.MetricDifference(
                metric=metric,
                difference=item.difference,
                interval=None if item.interval is None else interval(item.interval),
            )
            for metric, item in run.differences.items()
            if metric in result.metrics
        )
        message.evaluated_row_count = result.row_count
        message.mean_tokens = result.mean_tokens
    return message


def _point(point: CurvePoint) -> tune_comparison_pb2.CurvePoint:
    check_cancelled()
    return tune_comparison_pb2.CurvePoint(
        epoch=point.epoch,
        loss=point.loss,
        validation_loss=point.validation_loss,
        validation_metric=point.validation_metric,
    )


def _field(field: DifferingField) -> tune_comparison_pb2.DifferingField:
    check_cancelled()
    return tune_comparison_pb2.DifferingField(
        path=field.path,
        values=[
            tune_comparison_pb2.ComparedValue(value=struct_value(value.value), source=value.source)
            for value in field.values
        ],
    )


def _dataset(tenant: str, item: ComparedDataset) -> tune_comparison_pb2.ComparedDataset:
    message = tune_comparison_pb2.ComparedDataset(name=str(DatasetName(tenant, item.id)), deleted=item.dataset is None)
    if item.dataset is not None:
        message.display_name = item.dataset.display_name
        message.version = item.dataset.version
        message.row_count = item.dataset.row_count
        message.content_sha256 = item.dataset.content_sha256
    if item.overlap is not None:
        message.overlap.shared_row_count = item.overlap.shared
        message.overlap.added_row_count = item.overlap.added
        message.overlap.removed_row_count = item.overlap.removed
        message.overlap.relabelled_row_count = item.overlap.relabelled
    return message
