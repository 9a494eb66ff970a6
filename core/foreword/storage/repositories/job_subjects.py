"""What jobs work on: reading the resource of a job, and storing its progress, whatever its kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from foreword.domain.batch_job import BatchJobPhase, BatchJobProgress
from foreword.domain.evaluation import EvaluationPhase, EvaluationProgress
from foreword.domain.experiment import Phase, Progress
from foreword.domain.job import JobKind
from foreword.storage.codec import decode, encode
from foreword.storage.jobs.leases import Subject
from foreword.storage.repositories.batch_jobs import to_batch_job
from foreword.storage.repositories.evaluations import to_evaluation
from foreword.storage.repositories.experiments import read_snapshots, to_experiment
from foreword.storage.repositories.job_resources import find_job_row
from foreword.storage.tables import BatchJobRow, EvaluationRow, ExperimentRow, JobRow

AnyProgress = Progress | EvaluationProgress | BatchJobProgress
"""The progress of a job of any kind."""

AnyPhase = Phase | EvaluationPhase | BatchJobPhase
"""The phase of a job of any kind."""

_PROGRESS: Final[Mapping[JobKind, type[AnyProgress]]] = {
    JobKind.TUNE: Progress,
    JobKind.EVALUATE: EvaluationProgress,
    JobKind.BATCH: BatchJobProgress,
}


def read_subject(session: Session, job: JobRow) -> Subject:
    """Return the resource of a locked job, an experiment with its learning curve.

    Raises:
        InternalError: The stored resource is unreadable.
    """
    match subject_of(session, job):
        case ExperimentRow() as row:
            return to_experiment(row, read_snapshots(session, row, 0))
        case EvaluationRow() as row:
            return to_evaluation(row)
        case BatchJobRow() as row:
            return to_batch_job(row)


def store_progress(session: Session, job: JobRow, progress: AnyProgress) -> None:
    """Store the progress of a locked job."""
    kind: type[Any] = type(progress)
    subject_of(session, job).progress = encode(kind, progress, "progress")


def set_waiting(session: Session, job: JobRow) -> None:
    """Store that a locked job waits for its next turn."""
    _set_phase(session, job, "WAITING")


def set_loading(session: Session, job: JobRow) -> None:
    """Store that a locked job begins its turn."""
    _set_phase(session, job, "LOADING")


def subject_of(session: Session, job: JobRow) -> ExperimentRow | EvaluationRow | BatchJobRow:
    """Return the row of the resource of a locked job."""
    row: ExperimentRow | EvaluationRow | BatchJobRow | None
    match JobKind(job.kind):
        case JobKind.TUNE:
            row = find_job_row(session, ExperimentRow, job.tenant, job.resource)
        case JobKind.EVALUATE:
            row = find_job_row(session, EvaluationRow, job.tenant, job.resource)
        case JobKind.BATCH:
            row = find_job_row(session, BatchJobRow, job.tenant, job.resource)
    assert row is not None, "a resource is deleted together with its job"
    return row


def _set_phase(session: Session, job: JobRow, phase: str) -> None:
    """Store a phase that all kinds of jobs have."""
    row, kind = subject_of(session, job), _PROGRESS[JobKind(job.kind)]
    progress: Any = decode(kind, row.progress)
    changed = dataclasses.replace(progress, phase=type(progress.phase)[phase], remaining_seconds=None)
    row.progress = encode(kind, changed)
