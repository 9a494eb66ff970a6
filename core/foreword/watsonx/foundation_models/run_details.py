"""The details of a tuning run in the format of the retired service."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from foreword.client import JobState, TuneExperiment, TuneSnapshot
from foreword.watsonx.names import model_id, resource_id
from foreword.watsonx.times import written

_STATES = {
    JobState.QUEUED: "pending",
    JobState.RUNNING: "running",
    JobState.SUCCEEDED: "completed",
    JobState.FAILED: "failed",
    JobState.CANCELLING: "running",  # the run stops within one step
    JobState.CANCELLED: "canceled",
}


def run_state(state: JobState) -> str:
    """Return the state as `pending`, `running`, `completed`, `failed` or `canceled`."""
    return _STATES[state]


def run_details(experiment: TuneExperiment, *, include_metrics: bool) -> dict[str, Any]:
    """Return the details of a run; its state is `["entity"]["status"]["state"]`.

    Args:
        include_metrics: Whether to include the learning curve.
    """
    entity: dict[str, Any] = {
        "prompt_tuning": _prompt_tuning(experiment),
        "training_data_references": [{"type": "data_asset", "location": {"id": resource_id(experiment.dataset)}}],
        "auto_update_model": True,
        "status": _status(experiment, include_metrics=include_metrics),
        "plan": {
            "planned_updates": experiment.plan.planned_updates,
            "sources": dict(experiment.plan.sources),
            "warnings": [{"code": item.code, "message": item.message} for item in experiment.plan.warnings],
        },
    }
    if experiment.tuned_model:
        entity["model_id"] = resource_id(experiment.tuned_model)
    return {
        "metadata": {
            "id": resource_id(experiment.name),
            "name": experiment.display_name,
            "description": experiment.description,
            "project_id": experiment.name.split("/")[1],
            "created_at": written(experiment.create_time),
            "modified_at": written(experiment.update_time),
        },
        "entity": entity,
    }


def final_loss(experiment: TuneExperiment) -> float | None:
    """Return the mean training loss over the last epoch in nats per token; None before the first update.

    The loss of one update covers only a few rows; the mean allows comparing two runs.
    """
    snapshots = experiment.snapshots
    if not snapshots:
        return None
    last = snapshots[-1]
    return fmean(item.loss for item in snapshots if item.phase == last.phase and item.epoch > last.epoch - 1)


def _prompt_tuning(experiment: TuneExperiment) -> dict[str, Any]:
    values = experiment.plan.parameters
    return {
        "base_model": {"model_id": model_id(experiment.base_model)},
        "task_id": experiment.task,
        "tuning_type": experiment.tuning_type,
        "batch_size": values.batch_size,
        "accumulate_steps": values.accumulate_steps,
        "learning_rate": values.learning_rate,
        "num_epochs": values.num_epochs,
        "init_method": values.init_method,
        "init_text": values.init_text,
        "max_input_tokens": values.max_input_tokens,
        "max_output_tokens": values.max_output_tokens,
        "verbalizer": experiment.verbalizer,
    }


def _status(experiment: TuneExperiment, *, include_metrics: bool) -> dict[str, Any]:
    status: dict[str, Any] = {"state": run_state(experiment.state)}
    if experiment.start_time is not None:
        status["running_at"] = written(experiment.start_time)
    if experiment.end_time is not None:
        status["completed_at"] = written(experiment.end_time)
    if experiment.failure is not None:
        status["message"] = {"level": "error", "text": experiment.failure.message}
    elif experiment.curve_advice:
        status["message"] = {"level": "info", "text": experiment.curve_advice}
    if include_metrics:
        status["metrics"] = [_metric(item) for item in experiment.snapshots]
    return status


def _metric(snapshot: TuneSnapshot) -> dict[str, Any]:
    values = {
        "loss": snapshot.loss,
        "validation_loss": snapshot.validation_loss,
        "validation_metric": snapshot.validation_metric,
    }
    return {
        "timestamp": written(snapshot.create_time),
        "iteration": snapshot.step,
        "ml_metrics": {name: value for name, value in values.items() if value is not None},
        "context": {"prompt_tuning": {"epoch": snapshot.epoch, "phase": snapshot.phase}},
    }
