"""Comparisons of tuning runs as the client returns them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from foreword.domain.comparison import RowOverlap
from foreword.domain.differing_fields import DifferingField
from foreword.domain.job import JobState
from foreword.domain.report import Finding, MetricDifference
from foreword.domain.thin_curve import CurvePoint, held_out_rank


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedTuneExperiment:
    """A run of a comparison.

    Attributes:
        main_metric: Id of the metric by which systems of the task are compared; empty without held-out results.
        metrics: Held-out metrics of the tuned model by metric id; empty until the run has succeeded.
        evaluated_row_count: Number of held-out rows on which they were measured.
        mean_tokens: Mean number of tokens per request, without the soft prompt.
        capacity_unit_hours: Compute time used so far, in hours of one worker.
        dataset: Resource name of the dataset with the rows to train on.
        held_out_group: Runs with the same number have the same held-out rows; 0 if it has none.
        tuned_model: Resource name of the tuned model; empty until the run has succeeded.
        curve: The learning curve without a refit, oldest point first; at most 200 points.
        keep_best: Whether the run keeps the epoch that is best on the held-out rows; if not, it keeps the last one.
        differences: Differences of the metrics to those of the first run on the same held-out rows, by metric id; empty
            for the first one, and if they were not measured.
    """

    name: str
    display_name: str
    state: JobState
    main_metric: str
    metrics: Mapping[str, float]
    evaluated_row_count: int
    mean_tokens: float
    capacity_unit_hours: float
    dataset: str
    held_out_group: int
    tuned_model: str
    curve: tuple[CurvePoint, ...]
    keep_best: bool
    differences: Mapping[str, MetricDifference]

    @property
    def held_out_curve(self) -> tuple[CurvePoint, ...]:
        """The points of the curve with held-out results."""
        return tuple(
            point for point in self.curve if point.validation_loss is not None or point.validation_metric is not None
        )

    @property
    def kept_point(self) -> CurvePoint | None:
        """The point of the epoch that the run keeps, or keeps so far; None without held-out results."""
        points = self.held_out_curve
        if not points:
            return None
        return max(points, key=held_out_rank) if self.keep_best else points[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedDataset:
    """A dataset on which at least one of the compared runs trains.

    Attributes:
        display_name: Empty if the dataset was deleted, as are the attributes below.
        content_sha256: Datasets with the same hash have the same rows.
        overlap: Comparison with the first dataset; None for the first one, and if their rows were not compared.
        deleted: Whether it was deleted.
    """

    name: str
    display_name: str
    version: int
    row_count: int
    content_sha256: str
    overlap: RowOverlap | None
    deleted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneComparison:
    """What differs between tuning runs, and their results side by side.

    Attributes:
        tune_experiments: The runs in the requested order.
        differing_fields: The fields of configuration and plan whose values are not the same in all runs.
        omitted_field_count: Number of differing fields beyond the limit of the answer.
        datasets: The datasets of the runs, each once.
        findings: Warnings about the comparison, such as metrics that were measured on other held-out rows.
    """

    tune_experiments: tuple[ComparedTuneExperiment, ...]
    differing_fields: tuple[DifferingField, ...]
    omitted_field_count: int
    datasets: tuple[ComparedDataset, ...]
    findings: tuple[Finding, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The ids of all metrics, the main metrics first and the others in alphabetical order."""
        main = dict.fromkeys(run.main_metric for run in self.tune_experiments if run.main_metric)
        others = {name for run in self.tune_experiments for name in run.metrics} - main.keys()
        return (*main, *sorted(others))
