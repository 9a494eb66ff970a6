"""A run as trackers store it: parameters, tags, curves, results and the whole recipe, whatever the tracker."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from foreword.client.resources import TuneExperiment, TuneSnapshot
from foreword.domain.job import JobState

Value = str | int | float | bool
"""The value of a parameter."""

_CURVES: Final[Mapping[str, str]] = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "examples_per_second": "examples_per_second",
    "epoch": "epoch",
}
_PHASES: Final[Mapping[str, str]] = {"tuning": "train", "refitting": "refit"}
"""The prefix of the metrics of each phase. A refit is a second training, whose loss begins anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPoint:
    """A value of a metric after a number of updates."""

    metric: str
    value: float
    step: int
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedDataset:
    """A dataset of a run. Its hash is empty if the dataset and the tuned model have been deleted."""

    name: str
    use: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run as trackers store it: a run of an experiment, or an evaluation.

    Attributes:
        kind: What it is, which is also the fact with its name: `tune_experiment` or `evaluation`.
        name: Resource name of the experiment or the evaluation.
        start_time: Time at which it was started, or created if it has not been started.
        parameters: What it was tuned with, by name, without what is not set.
        tags: Tags of the experiment.
        facts: What else identifies the run and its parts, by name.
        curve: The finite values of its learning curve, oldest first.
        results: Its finite results, by name; empty until it has ended.
        result_step: Number of updates after which the results were measured.
        recipe: All of this and the plan, as a JSON document.
    """

    kind: str
    name: str
    display_name: str
    description: str
    state: JobState
    create_time: datetime
    start_time: datetime
    end_time: datetime | None
    update_time: datetime
    parameters: Mapping[str, Value]
    tags: Mapping[str, str]
    facts: Mapping[str, str]
    datasets: tuple[UsedDataset, ...]
    curve: tuple[MetricPoint, ...]
    results: Mapping[str, float]
    result_step: int
    recipe: str


def run_record(experiment: TuneExperiment, hashes: Mapping[str, str], provenance: Mapping[str, str]) -> RunRecord:
    """Return the record of a run with its learning curve.

    Args:
        hashes: SHA-256 of each dataset that exists, by resource name.
        provenance: That of the tuned model; empty if there is none.
    """
    created = experiment.create_time
    assert created is not None, "a stored experiment has a creation time"
    datasets = tuple(
        UsedDataset(name=name, use=use, sha256=hashes.get(name, "") or provenance.get(key, ""))
        for name, use, key in (
            (experiment.dataset, "training", "dataset"),
            (experiment.validation_dataset, "validation", "validation_dataset"),
        )
        if name
    )
    results = _results(experiment) if experiment.state.ended else {}
    facts = _facts(experiment, datasets, provenance)
    return RunRecord(
        kind="tune_experiment",
        name=experiment.name,
        display_name=experiment.display_name,
        description=experiment.description,
        state=experiment.state,
        create_time=created,
        start_time=experiment.start_time or created,
        end_time=experiment.end_time,
        update_time=experiment.update_time or created,
        parameters=_parameters(experiment),
        tags=experiment.tags,
        facts=facts,
        datasets=datasets,
        curve=tuple(point for snapshot in experiment.snapshots for point in _points(snapshot)),
        results={name: value for name, value in results.items() if math.isfinite(value)},
        result_step=experiment.progress.step,
        recipe=_recipe(experiment, datasets, facts, results),
    )


def _parameters(experiment: TuneExperiment) -> dict[str, Value]:
    plan = experiment.plan
    values: dict[str, Any] = {
        "base_model": experiment.base_model,
        "dataset": experiment.dataset,
        "validation_dataset": experiment.validation_dataset,
        "task": experiment.task,
        "tuning_type": experiment.tuning_type,
        "verbalizer": experiment.verbalizer,
        "instruction": experiment.instruction,
        "evaluate_base": experiment.evaluate_base,
        "labels": ", ".join(plan.labels),
        **asdict(plan.parameters),
        **{
            name: getattr(plan, name)
            for name in ("training_row_count", "validation_row_count", "planned_updates", "trainable_parameter_count")
        },
    }
    method = values.pop("method_parameters")
    values |= {f"method_parameters.{name}": value for name, value in method.items()}
    return {
        name: value if isinstance(value, (str, int, float, bool)) else json.dumps(value, ensure_ascii=False)
        for name, value in values.items()
        if value not in (None, "")
    }


def _facts(
    experiment: TuneExperiment, datasets: tuple[UsedDataset, ...], provenance: Mapping[str, str]
) -> dict[str, str]:
    facts = {
        "tune_experiment": experiment.name,
        "create_time": "" if experiment.create_time is None else experiment.create_time.isoformat(),
        "state": experiment.state.value,
        "failure": "" if experiment.failure is None else f"{experiment.failure.message} ({experiment.failure.reason})",
        "curve_advice": experiment.curve_advice,
        "main_metric": next((item.main_metric for item in experiment.evaluations), ""),
        "tuned_model": experiment.tuned_model,
        "base_model_revision": provenance.get("base_model", ""),
        "tune_sweep": experiment.tune_sweep,
        "retry_of": experiment.retry_of,
        "creator": experiment.creator,
        **{f"{item.use}_dataset_sha256": item.sha256 for item in datasets},
    }
    return {name: value for name, value in facts.items() if value}


def _points(snapshot: TuneSnapshot) -> list[MetricPoint]:
    prefix = _PHASES.get(snapshot.phase, snapshot.phase)
    values = {f"{prefix}/{metric}": getattr(snapshot, field) for metric, field in _CURVES.items()}
    values |= {"validation/loss": snapshot.validation_loss, "validation/metric": snapshot.validation_metric}
    assert snapshot.create_time is not None, "a stored snapshot has a time"
    return [
        MetricPoint(metric=metric, value=value, step=snapshot.step, time=snapshot.create_time)
        for metric, value in values.items()
        if value is not None and math.isfinite(value)
    ]


def _results(experiment: TuneExperiment) -> dict[str, float]:
    results = {
        f"{item.system}/{name}": value for item in experiment.evaluations for name, value in item.metrics.items()
    }
    results |= {f"{item.system}/mean_tokens": item.mean_tokens for item in experiment.evaluations}
    return {
        **results,
        "capacity_unit_hours": experiment.capacity_unit_hours,
        "wait_seconds": experiment.wait_seconds,
    }


def _recipe(
    experiment: TuneExperiment,
    datasets: tuple[UsedDataset, ...],
    facts: Mapping[str, str],
    results: Mapping[str, float],
) -> str:
    plan = experiment.plan
    recipe = {
        **facts,
        "display_name": experiment.display_name,
        "description": experiment.description,
        "tags": dict(experiment.tags),
        "base_model": experiment.base_model,
        "datasets": [asdict(item) for item in datasets],
        "task": experiment.task,
        "task_options": asdict(experiment.task_options),
        "tuning_type": experiment.tuning_type,
        "verbalizer": experiment.verbalizer,
        "instruction": experiment.instruction,
        "evaluate_base": experiment.evaluate_base,
        "parameters": {name: value for name, value in asdict(experiment.parameters).items() if value not in (None, {})},
        "plan": {
            "parameters": asdict(plan.parameters),
            "sources": dict(plan.sources),
            "training_row_count": plan.training_row_count,
            "validation_row_count": plan.validation_row_count,
            "planned_updates": plan.planned_updates,
            "trainable_parameter_count": plan.trainable_parameter_count,
            "estimated_capacity_unit_hours": plan.estimated_capacity_unit_hours,
            "labels": list(plan.labels),
            "multi_label": plan.multi_label,
            "warnings": [{"code": item.code, "message": item.message} for item in plan.warnings],
        },
        "results": {name: value if math.isfinite(value) else str(value) for name, value in results.items()},
    }
    return json.dumps(recipe, ensure_ascii=False, indent=2, sort_keys=True)
