"""Comparisons of runs as the client returns them."""

from __future__ import annotations

import math
from typing import Any

from foreword.client import TuneComparison
from foreword.client.decode_comparison import tune_comparison
from foreword.v1 import tune_comparison_pb2, tune_experiment_pb2, tune_experiment_service_pb2

State = tune_experiment_pb2.TuneExperiment.State


def make_comparison(count: int = 2, *, epochs: int = 6, groups: tuple[int, ...] = (), **fields: Any) -> TuneComparison:
    """Return a comparison of succeeded runs that differ in their learning rate.

    Args:
        epochs: Number of epochs of the first run; each further run has one more.
        groups: The number of the held-out rows of each run. Default: the same for all, with paired differences; the
            second run is not clearly better than the first, and all later ones are.
        fields: Values of further fields by path with `.` written as `__`; each is a list of texts.
    """
    message = tune_experiment_service_pb2.CompareTuneExperimentsResponse()
    for place in range(count):
        run = message.tune_experiments.add(
            name=f"tenants/a/tuneExperiments/e{place}",
            display_name=f"complaints ({place + 1})",
            state=State.STATE_SUCCEEDED,
            main_metric="micro_f1",
            metrics={"micro_f1": 0.70 + place / 50, "exact_match": 0.5 - place / 100},
            evaluated_row_count=40,
            mean_tokens=24.0 + place,
            capacity_unit_hours=0.01 * (place + 1),
            dataset="tenants/a/datasets/d",
            held_out_group=groups[place] if groups else 1,
            keep_best=True,
        )
        if place and not groups:
            difference = place / 50
            gap = run.differences.add(metric="micro_f1", difference=difference)
            gap.interval.lower, gap.interval.upper = difference - 0.03, difference + 0.03
        for step in range(1, 4 * (epochs + place if epochs else 0) + 1):
            point = run.curve.add(epoch=step / 4, loss=2 * math.exp(-step / 8) + 0.1 * (step % 3))
            if step % 4 == 0:
                point.validation_loss = 1.5 * math.exp(-step / 12) + 0.02 * place + 0.3
                point.validation_metric = (0.7 + place / 50) * (1 - math.exp(-step / 6)) - 0.001 * max(0, step - 20)
    rates = message.differing_fields.add(path="parameters.learning_rate")
    for place in range(count):
        value = rates.values.add(source="set" if place else "recipe")
        value.value.number_value = 0.02 + place / 100
    for name, values in fields.items():
        field = message.differing_fields.add(path=name.replace("__", "."))
        for item in values:
            _set(field.values.add(), item)
    message.datasets.add(
        name="tenants/a/datasets/d", display_name="complaints", version=1, row_count=200, content_sha256="ab"
    )
    return tune_comparison(message)


def _set(target: tune_comparison_pb2.ComparedValue, item: Any) -> None:
    if isinstance(item, list):
        target.value.list_value.extend(item)
    elif item is None:
        target.value.null_value = 0
    elif isinstance(item, bool):
        target.value.bool_value = item
    else:
        target.value.string_value = item
