"""The end of a leased job, whatever its kind."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from foreword.domain.job import JobState
from foreword.storage.jobs.leases import Lease, lock_held
from foreword.storage.jobs.transitions import transition
from foreword.storage.jobs.turns import charge_compute
from foreword.storage.tables import JobRow


def end_job(session: Session, lease: Lease, state: JobState, compute_seconds: float, now: datetime) -> JobRow:
    """Lock a leased job, end it and charge its tenant. Return the job.

    Args:
        state: SUCCEEDED, FAILED or CANCELLED.
        compute_seconds: Total compute time that the job has used.

    Raises:
        LeaseLostError: Another worker owns the job, or it has ended.
    """
    (job,) = lock_held(session, [lease])
    transition(job, state, now)
    charge_compute(session, job, compute_seconds, now)
    return job
