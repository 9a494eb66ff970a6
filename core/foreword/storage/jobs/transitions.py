"""The state machine of jobs on database rows, according to `foreword.domain.job.TRANSITIONS`.

Nothing else in storage sets the state of a job after its creation.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session, object_session

from foreword.domain.job import TRANSITIONS, JobKind, JobState
from foreword.errors import InternalError
from foreword.names import BatchJobName, EvaluationName, TuneExperimentName
from foreword.storage.tables import JobRow

HELD_STATES = tuple(state.value for state, following in TRANSITIONS.items() if JobState.SUCCEEDED in following)
"""Values of the states in which a worker has a job, or another worker is to continue it."""

LIVE_STATES = tuple(state.value for state in JobState if not state.ended)
"""Values of the states in which a job has not ended."""

_ENDED = "ended_jobs"


def transition(job: JobRow, state: JobState, now: datetime) -> None:
    """Change the state of a job and set the corresponding times. A job that ends loses its lease.

    Args:
        job: The row, locked by the transaction, so that no other process changes it.
        state: The new state.
        now: The database's time.

    Raises:
        InternalError: The state machine does not allow this change. The row is unchanged.
    """
    current = JobState(job.state)
    if state not in TRANSITIONS[current]:
        name = resource_name(JobKind(job.kind), job.tenant, job.resource)
        raise InternalError(
            f"{name} is {current.value} and cannot become {state.value}.",
            metadata={"resource": name, "state": current.value},
        )
    job.state = state.value
    job.update_time = now
    if state is JobState.RUNNING:
        job.start_time = now
    if state.ended:
        end_wait(job, now)
        job.end_time = now
        job.lease_worker = job.lease_expire_time = None
        session = object_session(job)
        if session is not None:  # a row that belongs to no transaction is not stored
            session.info.setdefault(_ENDED, []).append(job)


def take_ended(session: Session) -> Sequence[JobRow]:
    """Return the jobs that have ended in a transaction since the last call."""
    ended: Sequence[JobRow] = session.info.pop(_ENDED, ())
    return ended


def request_cancel(job: JobRow, now: datetime, *, needs_worker: bool = False) -> bool:
    """Cancel a locked job that has not ended; a worker that holds it finds out at its next heartbeat.

    A job that no worker holds is cancelled at once: one that is queued, waits between two turns, was given back, or
    whose worker has died. The workers may be busy for long, or there may be none.

    Args:
        needs_worker: Whether a worker has to end it if it has begun, also if none holds it now.

    Returns:
        True if the job was cancelled now, so that no worker ends it.
    """
    state = JobState(job.state)
    if state.ended:
        return False
    if state is JobState.RUNNING:
        transition(job, JobState.CANCELLING, now)
    if state is JobState.QUEUED or not (needs_worker or is_held(job, now)):
        transition(job, JobState.CANCELLED, now)
        return True
    return False


def is_held(job: JobRow, now: datetime) -> bool:
    """Return whether a worker holds a job, so that its writes are accepted and no other worker takes the job."""
    expire = job.lease_expire_time
    return job.lease_worker is not None and expire is not None and expire > now


def end_wait(job: JobRow, now: datetime) -> None:
    """Add the time since a job yielded its worker to its waiting time. It has no effect if the job does not wait."""
    if job.yield_time is not None:
        job.wait_seconds += max(0.0, (now - job.yield_time).total_seconds())
        job.yield_time = None


def resource_name(kind: JobKind, tenant: str, id: str) -> str:
    """Return the name of the resource that a job of a kind works on."""
    match kind:
        case JobKind.TUNE:
            return str(TuneExperimentName(tenant, id))
        case JobKind.EVALUATE:
            return str(EvaluationName(tenant, id))
        case JobKind.BATCH:
            return str(BatchJobName(tenant, id))
