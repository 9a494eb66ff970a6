"""Leases of jobs: the right of a worker to write their results.

A lease is valid while its epoch is the current epoch of the job. Every new lease increments the epoch, and every write
of a worker is conditional on it, so that a worker that returns late cannot change anything. Times come from the
database, because the clocks of workers differ.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import select
from sqlalchemy.orm import Session

from foreword.domain.batch_job import BatchJob
from foreword.domain.evaluation import Evaluation
from foreword.domain.experiment import TuneExperiment
from foreword.domain.job import JobKind, JobState
from foreword.errors import LeaseLostError
from foreword.storage.jobs.transitions import HELD_STATES, end_wait, resource_name, transition
from foreword.storage.tables import JobRow
from foreword.trace_context import current_traceparent

Subject = TuneExperiment | Evaluation | BatchJob
"""The resource that a job works on."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do a job, until its epoch changes.

    Attributes:
        subject: The experiment, with its learning curve, the evaluation or the batch job, at the time of the lease.
        epoch: Number of the lease, starting at 1 for each job.
        worker: Id of the worker that holds the lease.
        job: Key of the job.
        lost_before: Number of leases that expired since the job last made progress; released leases do not count.
        traceparent: W3C trace context of the request that created the job, if it was traced.
    """

    subject: Subject
    epoch: int
    worker: str
    job: int
    lost_before: int = 0
    traceparent: str | None = None

    @property
    def experiment(self) -> TuneExperiment:
        """The experiment of a run."""
        assert isinstance(self.subject, TuneExperiment)
        return self.subject

    @property
    def evaluation(self) -> Evaluation:
        """The evaluation of a job that is one."""
        assert isinstance(self.subject, Evaluation)
        return self.subject

    @property
    def batch_job(self) -> BatchJob:
        """The batch job of a job that is one."""
        assert isinstance(self.subject, BatchJob)
        return self.subject

    @property
    def kind(self) -> JobKind:
        """Kind of the job."""
        match self.subject:
            case TuneExperiment():
                return JobKind.TUNE
            case Evaluation():
                return JobKind.EVALUATE
            case BatchJob():
                return JobKind.BATCH

    @property
    def tenant(self) -> str:
        """Id of the tenant."""
        return self.subject.tenant

    @property
    def name(self) -> str:
        """Resource name of the subject."""
        return resource_name(self.kind, self.subject.tenant, self.subject.id)

    @property
    def company(self) -> str:
        """Id of the company in which the job may be done: that of its base model, or one of its own."""
        is_alone = False
        match self.subject:
            case TuneExperiment(config=run, plan=plan):
                base_model, is_alone = run.base_model, plan.runs_alone
            case Evaluation(config=config):
                base_model, *others = config.base_models
                is_alone = bool(others)
            case BatchJob(config=batch):
                base_model = batch.base_model
        return f"{base_model}/{self.job}" if is_alone else base_model

    def lost(self) -> LeaseLostError:
        """Return the error for a worker that no longer holds this lease."""
        return LeaseLostError(
            f"{self.worker} no longer holds the lease of {self.name} (epoch {self.epoch}). Abandon the job.",
            metadata={"resource": self.name, "epoch": str(self.epoch)},
        )


class LeaseState(Enum):
    """The state of a lease after a heartbeat."""

    HELD = "held"
    CANCELLING = "cancelling"
    """Held, and cancellation of the run was requested."""
    PAUSED = "paused"
    """Held, but the tenant is suspended or is being deleted."""
    LOST = "lost"
    """Another worker owns the run, or it has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """The runs that a worker tunes together.

    Attributes:
        leases: Their leases, at least one.
        had_turns: Keys of the jobs that have had their turn, so that they may leave their places to others.
        had_turn: Whether the company has had its turn at the worker, so that it may end as a whole.
        is_full: Whether no further run can join.
    """

    leases: Sequence[Lease]
    had_turns: Collection[int]
    had_turn: bool
    is_full: bool

    @property
    def id(self) -> str:
        """Id of the company in which all of the runs may be tuned."""
        return self.leases[0].company


def new_job(kind: JobKind, *, base_model: str, tuning_type: str, runs_alone: bool, now: datetime) -> JobRow:
    """Return a queued job for the resource that it is added to, created by the current request."""
    return JobRow(
        kind=kind.value,
        base_model=base_model,
        tuning_type=tuning_type,
        runs_alone=runs_alone,
        state=JobState.QUEUED.value,
        failure=None,
        compute_seconds=0.0,
        lease_epoch=0,
        lease_worker=None,
        lease_expire_time=None,
        beat_time=None,
        lost_leases=0,
        wait_seconds=0.0,
        yield_time=None,
        create_time=now,
        update_time=now,
        start_time=None,
        end_time=None,
        traceparent=current_traceparent(),
    )


def lock_job(session: Session, kind: JobKind, tenant: str, resource: str) -> JobRow | None:
    """Lock the job of a resource; None if it does not exist."""
    return session.scalars(
        select(JobRow)
        .where(JobRow.tenant == tenant, JobRow.kind == kind.value, JobRow.resource == resource)
        .with_for_update()
    ).one_or_none()


def lock_leased(session: Session, leases: Sequence[Lease]) -> list[JobRow | None]:
    """Lock the jobs of leases, and return the job of each lease; None if the lease is no longer valid.

    They are locked in the order of their keys, so that two transactions never wait for each other.
    """
    found = session.scalars(
        select(JobRow)
        .where(JobRow.key.in_({lease.job for lease in leases}), JobRow.state.in_(HELD_STATES))
        .order_by(JobRow.key)
        .with_for_update()
    )
    jobs = {job.key: job for job in found}

    def owned(lease: Lease) -> JobRow | None:
        job = jobs.get(lease.job)
        # A worker that was stuck may hold an old and a new lease of one job.
        return job if job and (job.lease_epoch, job.lease_worker) == (lease.epoch, lease.worker) else None

    return [owned(lease) for lease in leases]


def lock_held(session: Session, leases: Sequence[Lease]) -> list[JobRow]:
    """Return the locked jobs of leases.

    Raises:
        LeaseLostError: One of the leases is no longer valid.
    """
    held: list[JobRow] = []
    for lease, job in zip(leases, lock_leased(session, leases), strict=True):
        if job is None:
            raise lease.lost()
        held.append(job)
    return held


def grant(job: JobRow, worker: str, now: datetime, duration: timedelta) -> None:
    """Give a locked job that waits to a worker, with a new epoch."""
    if job.lease_worker is not None:
        job.lost_leases += 1
    end_wait(job, now)
    job.lease_epoch += 1
    job.lease_worker = worker
    job.beat_time, job.lease_expire_time = now, now + duration
    if job.state == JobState.QUEUED.value:
        transition(job, JobState.RUNNING, now)


def is_worker_at_work(session: Session, now: datetime) -> bool:
    """Return whether any worker holds a job, so that jobs which wait get their turn before long."""
    held = select(JobRow.key).where(
        JobRow.state.in_(HELD_STATES), JobRow.lease_worker.is_not(None), JobRow.lease_expire_time > now
    )
    return session.scalars(held.limit(1)).first() is not None


def wait_start(job: JobRow, now: datetime) -> datetime | None:
    """Return the time since which a job waits for a worker; None if a worker has it, or it has ended.

    Its worker has died, or hangs, if half of its lease has passed without a heartbeat. Another one takes over when the
    lease has expired.
    """
    if job.state == JobState.QUEUED.value:
        return job.create_time
    if job.state not in HELD_STATES:
        return None
    if job.lease_worker is None:
        return job.yield_time or job.update_time
    beat, expire = job.beat_time, job.lease_expire_time
    if beat is None or expire is None:  # leased by a worker of an earlier version
        return expire if expire is not None and expire <= now else None
    return beat if now - beat > (expire - beat) / 2 else None


def end_turn(job: JobRow, now: datetime) -> None:
    """Take a locked job from its worker at the end of its turn. It waits for its next one."""
    job.lease_worker, job.lease_expire_time, job.yield_time = None, now, now
    job.update_time = now
