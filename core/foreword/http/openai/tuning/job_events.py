"""Events of a job, which follow from the stored experiment: they are the same after a restart."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from foreword.client import JobState, Severity, TuneExperiment, TuneSnapshot


def job_events(experiment: TuneExperiment) -> list[dict[str, Any]]:
    """Return what has happened, newest first."""
    id = experiment.name.rpartition("/")[2]
    found: list[dict[str, Any]] = []

    def add(key: str, moment: datetime | None, message: str, level: str = "info", data: Any = None) -> None:
        found.append(
            {
                "id": f"ftevent-{id}-{key}",
                "object": "fine_tuning.job.event",
                "created_at": int(moment.timestamp()) if moment is not None else 0,
                "level": level,
                "message": message,
                "type": "message" if data is None else "metrics",
                "data": data or {},
            }
        )

    add("created", experiment.create_time, f"Created the job {experiment.display_name}.")
    for number, warning in enumerate(experiment.plan.warnings):
        level = "info" if warning.severity is Severity.INFO else "warn"
        add(f"plan-{number}", experiment.create_time, warning.message, level)
    if experiment.start_time is not None:
        add("started", experiment.start_time, "The job has started.")
    for snapshot in experiment.snapshots:
        add(f"step-{snapshot.sequence}", snapshot.create_time, _step(experiment, snapshot), data=_metrics(snapshot))
    match experiment.state:
        case JobState.SUCCEEDED:
            add("ended", experiment.end_time, f"The job has succeeded. {experiment.curve_advice}".strip())
        case JobState.FAILED:
            why = experiment.failure.message if experiment.failure is not None else ""
            add("ended", experiment.end_time, f"The job has failed. {why}".strip(), "error")
        case JobState.CANCELLED:
            add("ended", experiment.end_time, "The job was cancelled.", "warn")
        case _:
            pass
    return found[::-1]


def _step(experiment: TuneExperiment, snapshot: TuneSnapshot) -> str:
    text = f"Step {snapshot.step}/{experiment.progress.total_steps}: training loss={snapshot.loss:.2f}"
    if snapshot.validation_loss is not None:
        text += f", validation loss={snapshot.validation_loss:.2f}"
    return text


def _metrics(snapshot: TuneSnapshot) -> dict[str, Any]:
    values = {
        "step": snapshot.step,
        "epoch": snapshot.epoch,
        "train_loss": snapshot.loss,
        "valid_loss": snapshot.validation_loss,
        "valid_metric": snapshot.validation_metric,
        "learning_rate": snapshot.learning_rate,
    }
    return {name: value for name, value in values.items() if value is not None}
