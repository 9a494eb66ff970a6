"""Evaluations as the API returns them, without a service."""

from __future__ import annotations

from collections.abc import Sequence

from foreword.client import Evaluation, EvaluationRow
from foreword.client.decode_evaluation import evaluation, evaluation_row
from foreword.v1 import evaluation_pb2

SYSTEMS = ("tuned", "base_zero_shot", "base_three_shot", "base_zero_shot_constrained", "base_three_shot_constrained")


def make_message(
    systems: Sequence[str] = SYSTEMS, *, state: int = evaluation_pb2.Evaluation.STATE_SUCCEEDED
) -> evaluation_pb2.Evaluation:
    """Return an evaluation whose first system is the best, with results if it has succeeded.

    The answers of the first system and of those that are restricted to label sets have probabilities.
    """
    message = evaluation_pb2.Evaluation(
        name="tenants/a/evaluations/e1",
        display_name="complaints (1)",
        dataset="tenants/a/datasets/d1",
        task="classification",
        state=state,
        estimated_seconds=90.0,
        capacity_unit_hours=0.02,
    )
    message.progress.percent = 100.0
    for system in systems:
        base = system.startswith("base")
        version = "baseModels/starter" if base else "tenants/a/tunedModels/m1"
        message.systems.add(id=system, model="baseModels/starter" if base else "complaints", version=version)
    if state != evaluation_pb2.Evaluation.STATE_SUCCEEDED:
        return message
    message.differing_row_count = 34
    for place, system in enumerate(systems):
        score = 0.72 / (1 + 2 * place) if place else 0.72
        found = message.results.add(
            system=system, main_metric="exact_set_match", row_count=200, mean_tokens=24.0 + 30 * place,
            soft_prompt_tokens=0 if system.startswith("base") else 16, mean_seconds=0.01,
        )  # fmt: skip
        for metric, value in (("exact_set_match", score), ("micro_f1", score + 0.1), ("macro_f1", score + 0.05)):
            found.metrics[metric] = value
            found.intervals[metric].lower = max(0.0, value - 0.06)
            found.intervals[metric].upper = value + 0.07
            if place:
                difference = value - message.results[0].metrics[metric]
                gap = message.differences.add(system=system, reference=systems[0], metric=metric, difference=difference)
                gap.interval.lower, gap.interval.upper = difference - 0.06, difference + 0.05
        if system == systems[0] or system.endswith("_constrained"):
            found.calibration.expected_calibration_error = 0.03 + 0.05 * place
            for step in range(10):
                probability = 0.2 + 0.08 * step
                accuracy = min(1.0, max(0.0, probability - 0.06 * place + 0.04 * (-1) ** step))
                found.calibration.bins.add(mean_probability=probability, accuracy=accuracy, row_count=20 + step)
    return message


def make_evaluation(systems: Sequence[str] = SYSTEMS, **options: int) -> Evaluation:
    """Return an evaluation; the arguments are those of `make_message`."""
    return evaluation(make_message(systems, **options))


def make_row(number: int = 17, systems: Sequence[str] = SYSTEMS[:2]) -> EvaluationRow:
    """Return a row that only the first system answers rightly."""
    message = evaluation_pb2.EvaluationRow(row=number, input="Two screws are missing.", reference="parts")
    for place, system in enumerate(systems):
        answer = message.answers.add(system=system, answer="I do not know" if place else "parts", tokens=24)
        answer.score = 0.0 if place else 1.0
        if not place:
            answer.probability = 0.93
            answer.label_probabilities.update({"manuals": 0.02, "parts": 0.95})
    return evaluation_row(message)
