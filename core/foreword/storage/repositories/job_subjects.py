"""What jobs work on: reading the resource of a job, and storing its progress, whatever its kind."""

from __future__ import annotations

import dataclasses

from sqlalchemy.orm import Session

from foreword.domain.evaluation import Evaluation, EvaluationPhase, EvaluationProgress
from foreword.domain.experiment import Phase, Progress, TuneExperiment
from foreword.domain.job import JobKind
from foreword.storage.codec import decode, encode
from foreword.storage.repositories.evaluations import find_evaluation, to_evaluation
from foreword.storage.repositories.experiments import find_experiment, read_snapshots, to_experiment
from foreword.storage.tables import EvaluationRow, ExperimentRow, JobRow

AnyProgress = Progress | EvaluationProgress
"""The progress of a job of any kind."""


def read_subject(session: Session, job: JobRow) -> TuneExperiment | Evaluation:
    """Return the resource of a locked job, an experiment with its learning curve.

    Raises:
        InternalError: The stored resource is unreadable.
    """
    row = subject_of(session, job)
    if isinstance(row, ExperimentRow):
        return to_experiment(row, read_snapshots(session, row, 0))
    return to_evaluation(row)


def store_progress(session: Session, job: JobRow, progress: AnyProgress) -> None:
    """Store the progress of a locked job."""
    row = subject_of(session, job)
    if isinstance(progress, Progress):
        row.progress = encode(Progress, progress, "progress")
    else:
        row.progress = encode(EvaluationProgress, progress, "progress")


def set_waiting(session: Session, job: JobRow) -> None:
    """Store that a locked job waits for its next turn."""
    _set_phase(session, job, Phase.WAITING, EvaluationPhase.WAITING)


def set_loading(session: Session, job: JobRow) -> None:
    """Store that a locked job begins its turn."""
    _set_phase(session, job, Phase.LOADING, EvaluationPhase.LOADING)


def subject_of(session: Session, job: JobRow) -> ExperimentRow | EvaluationRow:
    """Return the row of the resource of a locked job."""
    row: ExperimentRow | EvaluationRow | None
    match JobKind(job.kind):
        case JobKind.TUNE:
            row = find_experiment(session, job.tenant, job.resource)
        case JobKind.EVALUATE:
            row = find_evaluation(session, job.tenant, job.resource)
    assert row is not None, "a resource is deleted together with its job"
    return row


def _set_phase(session: Session, job: JobRow, of_run: Phase, of_evaluation: EvaluationPhase) -> None:
    row = subject_of(session, job)
    if isinstance(row, ExperimentRow):
        progress = dataclasses.replace(decode(Progress, row.progress), phase=of_run, remaining_seconds=None)
        row.progress = encode(Progress, progress)
    else:
        evaluated = decode(EvaluationProgress, row.progress)
        evaluated = dataclasses.replace(evaluated, phase=of_evaluation, remaining_seconds=None)
        row.progress = encode(EvaluationProgress, evaluated)
