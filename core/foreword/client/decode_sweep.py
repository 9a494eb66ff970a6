"""Decoding of sweeps."""

from __future__ import annotations

from typing import Any

from foreword.client import decode_values as values
from foreword.client import sweep_resources as resources
from foreword.client.decode import experiment_state
from foreword.domain.halving import Rung
from foreword.domain.job import JobState
from foreword.domain.sweep import Search, SweptRange
from foreword.domain.sweep_outcome import SweepState
from foreword.v1 import tune_sweep_pb2


def tune_sweep(message: tune_sweep_pb2.TuneSweep, *, planned: bool = False) -> resources.TuneSweep:
    """Decode a sweep. If `planned`, it was only validated and has no state; it is returned as queued."""
    kind = tune_sweep_pb2.TuneSweep
    is_queued = planned and not message.state
    return resources.TuneSweep(
        name=message.name,
        display_name=message.display_name,
        description=message.description,
        base_model=message.tune_experiment.base_model,
        dataset=message.tune_experiment.dataset,
        tags=dict(sorted(message.tune_experiment.tags.items())),
        swept_parameters={item.name: _swept(item) for item in message.swept_parameters},
        search=values.member(Search, kind.Search, "SEARCH_", message.search or kind.SEARCH_GRID),
        num_seeds=message.num_seeds,
        halving=message.halving,
        plan=_plan(message.plan),
        state=SweepState.QUEUED if is_queued else values.member(SweepState, kind.State, "STATE_", message.state),
        trials=tuple(_trial(trial) for trial in message.trials),
        best_trial=message.best_trial,
        tuned_model=message.tuned_model,
        capacity_unit_hours=message.capacity_unit_hours,
        creator=message.creator,
        create_time=values.time(message, "create_time"),
        update_time=values.time(message, "update_time"),
        end_time=values.time(message, "end_time"),
    )


def _swept(message: tune_sweep_pb2.SweptParameter) -> tuple[Any, ...] | SweptRange:
    if message.HasField("range"):
        found = message.range
        return SweptRange(minimum=found.minimum, maximum=found.maximum, logarithmic=found.logarithmic)
    return tuple(values.json_value(value) for value in message.values)


def _plan(message: tune_sweep_pb2.TuneSweepPlan) -> resources.TuneSweepPlan:
    return resources.TuneSweepPlan(
        trial_count=message.trial_count,
        validation_row_count=message.validation_row_count,
        rungs=tuple(Rung(epoch=rung.epoch, keep=rung.keep) for rung in message.rungs),
        planned_updates=message.planned_updates,
        estimated_seconds=message.estimated_seconds,
        estimated_capacity_unit_hours=message.estimated_capacity_unit_hours,
        warnings=tuple(values.finding(item) for item in message.warnings),
        main_metric=message.main_metric,
    )


def _trial(message: tune_sweep_pb2.TuneTrial) -> resources.TuneTrial:
    return resources.TuneTrial(
        number=message.number,
        tune_experiment=message.tune_experiment,
        values={name: values.json_value(value) for name, value in sorted(message.values.items())},
        seed=message.seed,
        state=experiment_state(message.state) if message.state else JobState.QUEUED,
        failure=values.failure(message),
        validation_metric=values.optional(message, "validation_metric"),
        validation_loss=values.optional(message, "validation_loss"),
        kept_epoch=message.kept_epoch,
        epoch=message.epoch,
        total_epochs=message.total_epochs,
        capacity_unit_hours=message.capacity_unit_hours,
        tuned_model=message.tuned_model,
    )
