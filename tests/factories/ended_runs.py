"""Runs that have ended with results, as a worker would leave them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from factories.servers import RunningServer
from factories.stored import beat, make_evaluation, make_snapshot, make_tuned_model
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import SystemEvaluation
from foreword.evaluation.row_statistics import RowStatistics
from foreword.plugin.interfaces import Answer
from foreword_tasks.classification import Classification

MINUTE = timedelta(minutes=1)


def held_out_results(answers: Sequence[str]) -> SystemEvaluation:
    """Results of a run that gave these answers to rows about service."""
    task, right = Classification(), ["Service"] * len(answers)
    options = TaskOptions(labels=("Planning", "Service"))
    schema = task.fit(
        [Row(number=1, input="x", output="Service"), Row(number=2, input="y", output="Planning")], options
    )
    given = [Answer(text=text, row=place) for place, text in enumerate(answers, 1)]
    statistics = RowStatistics.of(task, zip(given, right, strict=True), schema)
    assert statistics is not None
    return SystemEvaluation(
        system="tuned",
        metrics=task.score(given, right, schema).metrics,
        main_metric=task.main_metric,
        row_count=len(answers),
        row_statistics=statistics.to_text(schema),
    )


def end_oldest(
    server: RunningServer, *, steps: int, evaluation: SystemEvaluation | None = None, model: str = "model-1"
) -> None:
    """Act as the worker that ends the oldest experiment, with held-out results half-way and at the end of its curve.

    Args:
        evaluation: Results of the tuned model. Default: some.
        model: Id of the tuned model.
    """
    lease = server.queue.lease("by hand", MINUTE)
    assert lease is not None
    curve = [make_snapshot(step) for step in range(1, steps + 1)]
    for place in (steps // 2 - 1, steps - 1):
        curve[place] = replace(curve[place], validation_loss=0.4, validation_metric=0.7)
    beat(server.queue, lease, duration=MINUTE, snapshots=curve)
    server.queue.succeed(
        lease,
        tuned_model=make_tuned_model(lease.experiment, model),
        evaluations=(evaluation or make_evaluation("tuned"), make_evaluation("base_zero_shot")),
        curve_advice="",
        suspect_rows=None,
        compute_seconds=90.0,
    )
