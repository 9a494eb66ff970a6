"""An evaluation as trackers store it: its systems, results with their intervals, and differences."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from foreword.client.evaluation_resources import Evaluation
from foreword.client.exports.run_record import RunRecord, UsedDataset, Value
from foreword.domain.report import SystemEvaluation


def evaluation_record(evaluation: Evaluation, hashes: Mapping[str, str]) -> RunRecord:
    """Return the record of an evaluation with its results.

    Args:
        hashes: SHA-256 of each dataset that exists, by resource name.
    """
    created = evaluation.create_time
    assert created is not None, "a stored evaluation has a creation time"
    datasets = tuple(
        UsedDataset(name=name, use=use, sha256=hashes.get(name, ""))
        for name, use in ((evaluation.dataset, "evaluation"), (evaluation.examples_dataset, "examples"))
        if name
    )
    results = dict(_results(evaluation)) if evaluation.state.ended else {}
    facts = _facts(evaluation, datasets)
    return RunRecord(
        kind="evaluation",
        name=evaluation.name,
        display_name=evaluation.display_name,
        description=evaluation.description,
        state=evaluation.state,
        create_time=created,
        start_time=evaluation.start_time or created,
        end_time=evaluation.end_time,
        update_time=evaluation.update_time or created,
        parameters=_parameters(evaluation),
        tags={},
        facts=facts,
        datasets=datasets,
        curve=(),
        results={name: value for name, value in results.items() if math.isfinite(value)},
        result_step=0,
        recipe=_recipe(evaluation, datasets, facts, results),
    )


def _parameters(evaluation: Evaluation) -> dict[str, Value]:
    values: dict[str, Value] = {
        "dataset": evaluation.dataset,
        "examples_dataset": evaluation.examples_dataset,
        "task": evaluation.task,
        "systems": ", ".join(system.id for system in evaluation.systems),
    }
    for system in evaluation.systems:
        asked: dict[str, Value] = {
            "model": system.version,
            "shots": system.shots,
            "constrained": system.constrained,
            "instruction": system.instruction,
            "verbalizer": system.verbalizer,
        }
        values |= {f"{system.id}/{name}": value for name, value in asked.items()}
    return {name: value for name, value in values.items() if value != ""}


def _facts(evaluation: Evaluation, datasets: tuple[UsedDataset, ...]) -> dict[str, str]:
    facts = {
        "evaluation": evaluation.name,
        "create_time": "" if evaluation.create_time is None else evaluation.create_time.isoformat(),
        "state": evaluation.state.value,
        "failure": "" if evaluation.failure is None else f"{evaluation.failure.message} ({evaluation.failure.reason})",
        "main_metric": next((item.main_metric for item in evaluation.results), ""),
        "partial": "true" if evaluation.partial else "",
        "warnings": "\n".join(item.message for item in evaluation.warnings),
        "retry_of": evaluation.retry_of,
        "creator": evaluation.creator,
        **{f"{item.use}_dataset_sha256": item.sha256 for item in datasets},
    }
    return {name: value for name, value in facts.items() if value}


def _results(evaluation: Evaluation) -> Iterator[tuple[str, float]]:
    for item in evaluation.results:
        yield from ((f"{item.system}/{name}", value) for name, value in _of_system(item))
    for gap in evaluation.differences:
        name = f"{gap.system}/{gap.metric}_difference"
        yield name, gap.difference
        if gap.interval is not None:
            yield f"{name}_lower", gap.interval.lower
            yield f"{name}_upper", gap.interval.upper
    yield "differing_row_count", float(evaluation.differing_row_count)
    yield "capacity_unit_hours", evaluation.capacity_unit_hours


def _of_system(item: SystemEvaluation) -> Iterator[tuple[str, float]]:
    yield from item.metrics.items()
    for metric, interval in item.intervals.items():
        yield f"{metric}_lower", interval.lower
        yield f"{metric}_upper", interval.upper
    if item.calibration is not None:
        yield "expected_calibration_error", item.calibration.expected_calibration_error
    yield "row_count", float(item.row_count)
    yield "mean_tokens", item.mean_tokens
    yield "mean_seconds", item.mean_seconds


def _recipe(
    evaluation: Evaluation,
    datasets: tuple[UsedDataset, ...],
    facts: Mapping[str, str],
    results: Mapping[str, float],
) -> str:
    recipe: dict[str, Any] = {
        **facts,
        "display_name": evaluation.display_name,
        "description": evaluation.description,
        "datasets": [asdict(item) for item in datasets],
        "task": evaluation.task,
        "task_options": asdict(evaluation.task_options),
        "systems": [{**asdict(system), "model": str(system.model)} for system in evaluation.systems],
        "estimated_seconds": evaluation.estimated_seconds,
        "results": {name: value if math.isfinite(value) else str(value) for name, value in results.items()},
    }
    return json.dumps(recipe, ensure_ascii=False, indent=2, sort_keys=True)
