"""Conversion of sweeps, their plans and their trials to messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2

from foreword.domain.experiment import ExperimentConfig
from foreword.domain.halving import Rung
from foreword.domain.sweep import SearchSpace, SweepPlan, SweptParameter, TrialStatus, TuneSweep
from foreword.names import TunedModelName, TuneExperimentName, TuneSweepName
from foreword.server.calls.status import failure_status
from foreword.server.convert.experiment import configuration
from foreword.server.convert.report import finding
from foreword.server.convert.structs import struct_value
from foreword.server.convert.sweep_request import NewSweep
from foreword.server.convert.timestamps import timestamp
from foreword.turns.cancellation import check_cancelled
from foreword.v1 import tune_sweep_pb2


def tune_sweep(item: TuneSweep) -> tune_sweep_pb2.TuneSweep:
    """Convert a sweep to a message, with the trials that were read."""
    message = _sweep(item.tenant, item.display_name, item.description, item.config, item.tags, item.space, item.plan)
    message.name = str(TuneSweepName(item.tenant, item.id))
    outcome = item.outcome
    message.MergeFrom(
        tune_sweep_pb2.TuneSweep(
            state=f"STATE_{outcome.state.name}",
            trials=[_trial(item.tenant, trial) for trial in item.trials],
            best_trial=str(TuneExperimentName(item.tenant, outcome.best_trial)) if outcome.best_trial else "",
            tuned_model=str(TunedModelName(item.tenant, outcome.tuned_model)) if outcome.tuned_model else "",
            capacity_unit_hours=outcome.compute_seconds / 3600,
            creator=item.creator,
            create_time=timestamp(item.create_time),
            update_time=timestamp(outcome.update_time),
            end_time=timestamp(outcome.end_time),
        )
    )
    return message


def planned_sweep(tenant: str, sweep: NewSweep, config: ExperimentConfig, plan: SweepPlan) -> tune_sweep_pb2.TuneSweep:
    """Convert a sweep that was only validated to a message, with the values of its trials."""
    message = _sweep(tenant, sweep.display_name, sweep.description, config, sweep.common.tags, sweep.space, plan)
    for number, trial in enumerate(sweep.trials, start=1):
        message.trials.append(
            tune_sweep_pb2.TuneTrial(number=number, values=_values(trial.values), seed=trial.run.parameters.seed)
        )
    return message


def _sweep(
    tenant: str,
    display_name: str,
    description: str,
    config: ExperimentConfig,
    tags: Mapping[str, str],
    space: SearchSpace,
    plan: SweepPlan,
) -> tune_sweep_pb2.TuneSweep:
    return tune_sweep_pb2.TuneSweep(
        display_name=display_name,
        description=description,
        tune_experiment=configuration(tenant, "", "", config, tags),
        swept_parameters=[_swept(parameter) for parameter in space.parameters],
        search=f"SEARCH_{space.search.name}",
        max_combinations=space.max_combinations,
        num_seeds=space.num_seeds,
        seed=space.seed,
        halving=space.halving,
        plan=tune_sweep_pb2.TuneSweepPlan(
            trial_count=plan.trial_count,
            validation_row_count=plan.validation_row_count,
            rungs=[_rung(rung) for rung in plan.rungs],
            planned_updates=plan.planned_updates,
            estimated_seconds=plan.estimated_seconds,
            estimated_capacity_unit_hours=plan.estimated_capacity_unit_hours,
            warnings=[finding(item) for item in plan.warnings],
            main_metric=plan.main_metric,
        ),
    )


def _swept(parameter: SweptParameter) -> tune_sweep_pb2.SweptParameter:
    message = tune_sweep_pb2.SweptParameter(
        name=parameter.name, values=[struct_value(value) for value in parameter.values]
    )
    if parameter.range is not None:
        message.range.minimum = parameter.range.minimum
        message.range.maximum = parameter.range.maximum
        message.range.logarithmic = parameter.range.logarithmic
    return message


def _rung(rung: Rung) -> tune_sweep_pb2.SweepRung:
    return tune_sweep_pb2.SweepRung(epoch=rung.epoch, keep=rung.keep)


def _trial(tenant: str, item: TrialStatus) -> tune_sweep_pb2.TuneTrial:
    check_cancelled()
    score = item.score
    return tune_sweep_pb2.TuneTrial(
        number=item.trial.number,
        tune_experiment=str(TuneExperimentName(tenant, item.experiment)),
        values=_values(item.trial.values),
        seed=item.trial.seed,
        state=f"STATE_{item.state.name}",
        error=failure_status(item.failure),
        validation_metric=None if score is None else score.metric,
        validation_loss=None if score is None else score.loss,
        kept_epoch=0 if score is None else score.epoch,
        epoch=item.progress.epoch,
        total_epochs=item.progress.total_epochs,
        capacity_unit_hours=item.compute_seconds / 3600,
        tuned_model=str(TunedModelName(tenant, item.tuned_model)) if item.tuned_model else "",
    )


def _values(values: Mapping[str, Any]) -> dict[str, struct_pb2.Value]:
    return {name: struct_value(value) for name, value in values.items()}
