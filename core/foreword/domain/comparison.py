"""Comparison of experiments: what differs, and which of their results can be compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from foreword.domain.counted import counted
from foreword.domain.dataset import Dataset
from foreword.domain.differing_fields import DifferingField, differing_fields
from foreword.domain.experiment import TuneExperiment
from foreword.domain.report import Finding, MetricDifference, Severity, SystemEvaluation
from foreword.domain.report_limits import MAX_FINDING_CHARACTERS, cut_text
from foreword.domain.thin_curve import CurvePoint

MIN_COMPARED: Final = 2
MAX_COMPARED: Final = 20
"""Maximum number of experiments in a comparison."""

MAX_OVERLAP_ROWS: Final = 50_000
"""Maximum number of rows of all datasets together whose rows are compared."""
MAX_OVERLAP_BYTES: Final = 16_000_000
"""Maximum size of these datasets together."""

_MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOverlap:
    """What a dataset has in common with the first one of a comparison, in numbers of rows.

    Attributes:
        shared: Rows in both.
        added: Rows that the first dataset lacks.
        removed: Rows that only the first dataset has.
        relabelled: Added rows whose input the first dataset has with another output.
    """

    shared: int
    added: int
    removed: int
    relabelled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """An experiment of a comparison.

    Attributes:
        experiment: The experiment; its snapshots and evaluations are not used.
        result: Held-out results of the tuned model; None if there are none.
        curve: The learning curve without a refit.
        differences: Differences of the metrics to those of the first run on the same held-out rows, by metric id; empty
            for the first one, for other rows, and if the results of single rows were not kept.
    """

    experiment: TuneExperiment
    result: SystemEvaluation | None
    curve: tuple[CurvePoint, ...]
    differences: Mapping[str, MetricDifference] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedDataset:
    """A dataset on which compared experiments train.

    Attributes:
        id: Last part of its resource name.
        dataset: None if it was deleted.
        overlap: Comparison with the first dataset; None for the first one, and if the rows were not compared.
    """

    id: str
    dataset: Dataset | None
    overlap: RowOverlap | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A comparison of experiments.

    Attributes:
        held_out_groups: For each run, the number of its held-out rows: the same number for the same rows; 0 for none.
        omitted_field_count: Number of differing fields beyond the limit.
        datasets: The datasets of the runs, each once.
        findings: Warnings about the comparison, the most severe first.
    """

    runs: tuple[ComparedRun, ...]
    held_out_groups: tuple[int, ...]
    differing_fields: tuple[DifferingField, ...]
    omitted_field_count: int
    datasets: tuple[ComparedDataset, ...]
    findings: tuple[Finding, ...]


PairedDifferences = Callable[[Sequence[SystemEvaluation | None]], Sequence[Mapping[str, MetricDifference]]]
"""Returns the differences of results on the same rows to the first ones; None stands for results on other rows."""


def compare(
    runs: Sequence[ComparedRun],
    datasets: Mapping[str, Dataset | None],
    overlaps: Mapping[str, RowOverlap],
    paired_differences: PairedDifferences = lambda results: [{} for _ in results],
) -> Comparison:
    """Compare experiments of one tenant.

    Args:
        runs: At least two.
        datasets: All datasets of the runs by id, validation datasets included; None for those that were deleted.
        overlaps: What datasets have in common with that of the first run, by id, as far as rows were compared.
        paired_differences: Measures the differences between results on the same held-out rows.
    """
    differing, omitted = differing_fields([run.experiment for run in runs])
    groups = _held_out_groups(runs, datasets)
    measured = paired_differences(
        [
            run.result if group and group == groups[0] and _same_task(run, runs[0]) else None
            for run, group in zip(runs, groups, strict=True)
        ]
    )
    runs = [replace(run, differences=differences) for run, differences in zip(runs, measured, strict=True)]
    compared = tuple(
        ComparedDataset(id=id, dataset=datasets[id], overlap=overlaps.get(id))
        for id in dict.fromkeys(run.experiment.config.dataset for run in runs)
    )
    found = [
        _held_out_rows_differ(runs, groups),
        _main_metrics_differ(runs),
        _labels_differ(runs),
        _within_noise(runs),
        _no_results(runs),
        _deleted(compared),
        _rows_not_compared(compared),
    ]
    return Comparison(
        runs=tuple(runs),
        held_out_groups=groups,
        differing_fields=differing,
        omitted_field_count=omitted,
        datasets=compared,
        findings=tuple(finding for finding in found if finding is not None),
    )


def _held_out_groups(runs: Sequence[ComparedRun], datasets: Mapping[str, Dataset | None]) -> tuple[int, ...]:
    numbers: dict[Hashable, int] = {}
    groups = []
    for run in runs:
        key = _held_out_key(run.experiment, datasets)
        groups.append(0 if key is None else numbers.setdefault(key, len(numbers) + 1))
    return tuple(groups)


def _held_out_key(experiment: TuneExperiment, datasets: Mapping[str, Dataset | None]) -> Hashable:
    """Return what is equal for experiments with the same held-out rows; None if there are none.

    The choice of held-out rows follows from the rows, the task's schema, the share and the seed (`held_out`).
    """
    config, plan = experiment.config, experiment.plan
    if plan.validation_row_count == 0:
        return None

    def content(id: str) -> str:
        dataset = datasets[id]
        return id if dataset is None else dataset.content_sha256

    if config.validation_dataset is not None:
        return content(config.validation_dataset)
    schema = json.dumps(plan.schema, sort_keys=True, default=str)
    return content(config.dataset), config.task, schema, plan.parameters.validation_split, plan.held_out_seed


def _held_out_rows_differ(runs: Sequence[ComparedRun], groups: Sequence[int]) -> Finding | None:
    if len({group for group in groups if group}) < 2:
        return None
    first = next(place for place, group in enumerate(groups) if group)
    others = [run for run, group in zip(runs, groups, strict=True) if group not in (0, groups[first])]
    return _finding(
        Severity.WARNING,
        "HELD_OUT_ROWS_DIFFER",
        f"{_names(others)} {_have(others)} other held-out rows than {_names([runs[first]])}, so a difference between "
        "their metrics may come from the rows.",
        "Tune with the same `validation_dataset`, or on the same dataset with the same `validation_split` and `seed`.",
    )


def _main_metrics_differ(runs: Sequence[ComparedRun]) -> Finding | None:
    metrics = dict.fromkeys(run.result.main_metric for run in runs if run.result is not None)
    if len(metrics) < 2:
        return None
    return _finding(
        Severity.WARNING,
        "MAIN_METRICS_DIFFER",
        f"The experiments are measured by different main metrics: {', '.join(metrics)}.",
        "Compare experiments of the same task.",
    )


def _labels_differ(runs: Sequence[ComparedRun]) -> Finding | None:
    if len({frozenset(run.experiment.plan.labels) for run in runs if run.experiment.plan.labels}) < 2:
        return None
    return _finding(
        Severity.WARNING,
        "LABELS_DIFFER",
        "The experiments have different labels, so metrics over labels have different meanings.",
        "Set the same `task_options.labels` for all of them.",
    )


def _same_task(run: ComparedRun, first: ComparedRun) -> bool:
    return run.experiment.config.task == first.experiment.config.task


def _within_noise(runs: Sequence[ComparedRun]) -> Finding | None:
    first = runs[0]
    metric = "" if first.result is None else first.result.main_metric
    unclear = [run for run in runs if metric in run.differences and not run.differences[metric].is_clear]
    if not unclear or first.result is None:
        return None
    rows = counted(first.result.row_count, "held-out row")
    return _finding(
        Severity.INFO,
        "WITHIN_NOISE",
        f"{_names(unclear)} {'is' if len(unclear) == 1 else 'are'} not clearly better or worse than {_names([first])}: "
        f"the difference in {metric.replace('_', ' ')} on {rows} can be due to the choice of the rows.",
        "Measure them on more rows, for example by an evaluation on a larger dataset.",
    )


def _no_results(runs: Sequence[ComparedRun]) -> Finding | None:
    without = [run for run in runs if run.result is None]
    if not without:
        return None
    live = any(not run.experiment.state.ended for run in without)
    return _finding(
        Severity.INFO,
        "NO_HELD_OUT_RESULTS",
        f"{_names(without)} {_have(without)} no held-out results"
        + (" yet." if live else ", because the run failed, was cancelled or has no held-out rows."),
        "Compare again when all runs have ended." if live else "",
    )


def _deleted(datasets: Sequence[ComparedDataset]) -> Finding | None:
    gone = [item.id for item in datasets if item.dataset is None]
    if not gone:
        return None
    return _finding(
        Severity.INFO,
        "DATASET_DELETED",
        f"Deleted datasets, whose rows cannot be compared: {', '.join(gone)}.",
    )


def _rows_not_compared(datasets: Sequence[ComparedDataset]) -> Finding | None:
    first, *others = datasets
    left_out = [_version(item.dataset) for item in others if item.dataset is not None and item.overlap is None]
    if first.dataset is None or not left_out:
        return None
    return _finding(
        Severity.INFO,
        "ROWS_NOT_COMPARED",
        f"The rows of {', '.join(left_out)} were not compared with those of {_version(first.dataset)}: together, the "
        f"datasets have more than {MAX_OVERLAP_ROWS:,} rows or {MAX_OVERLAP_BYTES // 10**6} MB, or rows are missing.",
    )


def _version(dataset: Dataset) -> str:
    return f"{dataset.display_name} (version {dataset.version})"


def _finding(severity: Severity, code: str, message: str, remedy: str = "") -> Finding:
    return Finding(
        severity=severity,
        code=code,
        message=cut_text(message, MAX_FINDING_CHARACTERS),
        remedy=remedy,
        source="comparison",
    )


def _names(runs: Sequence[ComparedRun]) -> str:
    names = [run.experiment.display_name for run in runs[:_MOST_NAMED]]
    more = len(runs) - len(names)
    if more:
        return f"{', '.join(names)} and {more} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _have(runs: Sequence[ComparedRun]) -> str:
    return "has" if len(runs) == 1 else "have"
