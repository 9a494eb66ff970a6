"""What jobs work on: reading the resource of a job, and storing its progress, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from foreword.domain.batch_job import BatchJobProgress
from foreword.domain.evaluation import EvaluationProgress
from foreword.domain.experiment import Progress
from foreword.domain.job import JobKind
from foreword.domain.job_progress import AnyProgress, loading, waiting
from foreword.storage.codec import decode, encode
from foreword.storage.jobs.leases import Subject
from foreword.storage.repositories.batch_jobs import to_batch_job
from foreword.storage.repositories.evaluations import to_evaluation
from foreword.storage.repositories.experiments import read_snapshots, to_experiment
from foreword.storage.repositories.job_resources import find_job_row
from foreword.storage.tables import BatchJobRow, EvaluationRow, ExperimentRow, JobRow

_PROGRESS: Final[Mapping[JobKind, type[AnyProgress]]] = {
    JobKind.TUNE: Progress,
    JobKind.EVALUATE: EvaluationProgress,
    JobKind.BATCH: BatchJobProgress,
}


def read_subject(session: Session, job: JobRow, now: datetime) -> Subject:
    """Return the resource of a locked job, an experiment with its learning curve.

    Args:
        now: The database's time.

    Raises:
        InternalError: The stored resource is unreadable.
    """
    match subject_of(session, job):
        case ExperimentRow() as row:
            return to_experiment(row, now, read_snapshots(session, row, 0))
        case EvaluationRow() as row:
            return to_evaluation(row, now)
        case BatchJobRow() as row:
            return to_batch_job(row, now)


def store_progress(session: Session, job: JobRow, progress: AnyProgress) -> None:
    """Store the progress of a locked job."""
    kind: type[Any] = type(progress)
    subject_of(session, job).progress = encode(kind, progress, "progress")


def set_waiting(session: Session, job: JobRow) -> None:
    """Store that a locked job waits for its next turn."""
    _change_progress(session, job, waiting)


def set_loading(session: Session, job: JobRow) -> None:
    """Store that a locked job begins its turn."""
    _change_progress(session, job, loading)


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


def _change_progress(session: Session, job: JobRow, change: Callable[[Any], Any]) -> None:
    row, kind = subject_of(session, job), _PROGRESS[JobKind(job.kind)]
    row.progress = encode(kind, change(decode(kind, row.progress)))
