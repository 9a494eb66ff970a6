"""The durable queue of jobs for workers: leases, heartbeats and the ends of runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from foreword.domain.experiment import Progress
from foreword.domain.failure import Failure
from foreword.domain.job import JobKind, JobState
from foreword.domain.report import SystemEvaluation
from foreword.domain.report_limits import limit_evaluations, limit_suspect_rows
from foreword.domain.suspect_rows import SuspectRows
from foreword.domain.tuned_model import TunedModel
from foreword.domain.worker_turns import WaitingRun
from foreword.errors import InternalError
from foreword.names import TunedModelName
from foreword.storage.active_tenants import active_of
from foreword.storage.artifacts.kept_checkpoints import schedule_checkpoints
from foreword.storage.audit.recording import note_system_action
from foreword.storage.codec import decode, encode
from foreword.storage.database import Database
from foreword.storage.jobs.endings import end_job
from foreword.storage.jobs.leases import Company, Lease, LeaseState, end_turn, grant, lock_held, lock_leased
from foreword.storage.jobs.transitions import transition
from foreword.storage.jobs.turns import exchange_due, lock_first, runs_in_order, runs_joining
from foreword.storage.repositories.evaluations import schedule_answers
from foreword.storage.repositories.job_subjects import read_subject, set_loading, set_waiting
from foreword.storage.repositories.run_results import Beat, experiment_of, note_scores, store_beat
from foreword.storage.repositories.sweep_trials import held_out_curves
from foreword.storage.repositories.tuned_models import add_tuned_model
from foreword.storage.tables import JobRow, SnapshotRow

FAILPOINTS = tuple(
    f"queue.{operation}.{moment}"
    for operation in ("lease", "join", "hand_over", "heartbeat", "rewind", "succeed", "fail", "cancelled", "release")
    for moment in ("before_commit", "after_commit")
)
"""The points at which `failpoint` is called, for tests that kill the process there."""


class JobQueue:
    """The jobs of all tenants, for workers. A worker may hold several leases.

    Args:
        failpoint: Called with a name of FAILPOINTS when that point is reached.
    """

    def __init__(self, database: Database, *, failpoint: Callable[[str], None] = lambda _: None) -> None:
        self._database = database
        self._failpoint = failpoint

    def lease(self, worker: str, duration: timedelta) -> Lease | None:
        """Lease the next job that waits for a worker; return None if there is none.

        A job waits if it is queued, was released, or has an expired lease. `domain.worker_turns` has their
        order.

        Args:
            worker: Unique id of the worker.
            duration: Time after which the lease expires without a heartbeat.
        """
        return self._lease("lease", runs_in_order, worker, duration)

    def join(self, worker: str, company: str, duration: timedelta) -> Lease | None:
        """Lease the next job that may join the company of a worker; return None if there is none.

        It has waited for some seconds, so no other worker is free.

        Args:
            worker: Unique id of the worker.
            company: Id of the company (`Lease.company`).
            duration: Time after which the lease expires without a heartbeat.
        """
        # Workers with a free place look once a second, and mostly in vain: a read lets others write meanwhile.
        with self._database.read() as session:
            if not runs_joining(session, company, self._database.clock(session)):
                return None
        return self._lease("join", lambda session, now: runs_joining(session, company, now), worker, duration)

    def leaving(self, company: Company) -> Sequence[Lease]:
        """Return the leases of a worker that should go to the run of another tenant; empty if all stay.

        Such a run has waited for some seconds, so no other worker is free.
        """
        with self._database.read() as session:
            exchange = exchange_due(session, company, self._database.clock(session))
        return [] if exchange is None else [lease for lease in company.leases if lease.job in exchange.leaving]

    def hand_over(self, company: Company, leaving: Sequence[Lease], duration: timedelta) -> Lease | None:
        """Release runs and lease the run of another tenant that should have the worker, in one transaction.

        The released jobs stay RUNNING, in the phase WAITING. Write the checkpoints of runs first.

        Args:
            leaving: The leases that `leaving` returned.
            duration: Time after which the new lease expires without a heartbeat.

        Returns:
            The new lease; None if other runs should be exchanged by now, or none, and all leases stay valid.

        Raises:
            LeaseLostError: Another worker owns one of the runs that leave, or it has ended.
        """
        with self._database.write("leases") as session:
            jobs = lock_held(session, leaving)
            now = self._database.clock(session)
            if any(job.state == JobState.CANCELLING.value for job in jobs):
                return None
            exchange = exchange_due(session, company, now)
            if exchange is None or exchange.leaving != {job.key for job in jobs}:
                return None
            following = lock_first(session, exchange.following, now)
            if following is None:
                return None
            granted = self._grant(session, following, leaving[0].worker, now, duration)
            if granted is None:
                return None
            for job in jobs:
                end_turn(job, now)
                set_waiting(session, job)
            session.flush()
            self._failpoint("queue.hand_over.before_commit")
        self._failpoint("queue.hand_over.after_commit")
        return granted

    def heartbeat(self, beats: Sequence[Beat], *, duration: timedelta) -> Sequence[LeaseState]:
        """Renew all leases of a worker and store new results, in one transaction.

        A lease that is no longer valid does not affect the others.

        Args:
            duration: Time after which the leases expire without another heartbeat.

        Returns:
            The state of each lease.
        """
        with self._database.write() as session:
            jobs = lock_leased(session, [beat.lease for beat in beats])
            now = self._database.clock(session)
            # Tenants are locked in one order, so that the heartbeats of two workers never wait for each other.
            held = [(beat, job) for beat, job in zip(beats, jobs, strict=True) if job is not None]
            for beat, job in sorted(held, key=lambda pair: pair[1].tenant):
                store_beat(session, job, beat, now, duration)
            active = active_of(session, {job.tenant for _, job in held})
            session.flush()
            self._failpoint("queue.heartbeat.before_commit")
        self._failpoint("queue.heartbeat.after_commit")
        return [_state(job, active) for job in jobs]

    def rewind(self, lease: Lease, step: int, *, resumed_step: int) -> None:
        """Delete the points of the learning curve after a step. Sequence numbers keep growing.

        Args:
            resumed_step: Number of updates of the checkpoint from which the run continues; 0 without one. A retry
                cannot have taken over more.

        Raises:
            LeaseLostError: Another worker owns the run, or it has ended.
        """
        with self._database.write() as session:
            (job,) = lock_held(session, [lease])
            row = experiment_of(session, job)
            session.execute(delete(SnapshotRow).where(SnapshotRow.experiment_key == row.key, SnapshotRow.step > step))
            row.resumed_step = min(row.resumed_step, resumed_step)
            note_scores(row, held_out_curves(session, [row]).get(row.key, ()), afresh=True)
            job.update_time = self._database.clock(session)
            session.flush()
            self._failpoint("queue.rewind.before_commit")
        self._failpoint("queue.rewind.after_commit")

    def succeed(
        self,
        lease: Lease,
        *,
        tuned_model: TunedModel,
        evaluations: Sequence[SystemEvaluation],
        curve_advice: str,
        compute_seconds: float,
        suspect_rows: SuspectRows | None = None,
    ) -> None:
        """End a run successfully. Its state and its tuned model, with its tags, are stored in one transaction.

        Long examples, report parts and suspect rows are cut; see `report_limits`.

        Raises:
            LeaseLostError: Another worker owns the run, or it has ended.
        """
        assert tuned_model.tenant == lease.tenant
        with self._database.write() as session:
            job = end_job(session, lease, JobState.SUCCEEDED, compute_seconds, self._database.clock(session))
            job.failure = None  # its sweep may have stopped it a moment too late
            assert job.end_time is not None
            row = experiment_of(session, job)
            done = dataclasses.replace(decode(Progress, row.progress), percent=100.0, remaining_seconds=0.0)
            row.progress = encode(Progress, done)
            row.evaluations = encode(tuple[SystemEvaluation, ...], limit_evaluations(evaluations), "evaluations")
            row.curve_advice = curve_advice
            if suspect_rows is not None:
                row.suspect_rows = encode(SuspectRows, limit_suspect_rows(suspect_rows), "suspect_rows")
            row.tuned_model = tuned_model.id
            # Its owner may have changed the tags during the run.
            schedule_checkpoints(session, row, job.end_time, has_succeeded=True)
            add_tuned_model(session, dataclasses.replace(tuned_model, tags=dict(row.tags or {})), job.end_time)
            note_system_action(session, "StoreTunedModel", str(TunedModelName(tuned_model.tenant, tuned_model.id)))
            session.flush()
            self._failpoint("queue.succeed.before_commit")
        self._failpoint("queue.succeed.after_commit")

    def fail(self, lease: Lease, failure: Failure, compute_seconds: float) -> None:
        """End a job with a failure. What it has done is kept for a retry.

        Raises:
            LeaseLostError: Another worker owns the run, or it has ended.
        """
        with self._database.write() as session:
            job = end_job(session, lease, JobState.FAILED, compute_seconds, self._database.clock(session))
            job.failure = encode(Failure, failure, "failure")
            self._schedule_files(session, lease)
            session.flush()
            self._failpoint("queue.fail.before_commit")
        self._failpoint("queue.fail.after_commit")

    def cancelled(self, lease: Lease, compute_seconds: float) -> None:
        """End a job whose cancellation was requested. What it has done is kept for a retry.

        Raises:
            LeaseLostError: Another worker owns the run, or it has ended.
        """
        with self._database.write() as session:
            end_job(session, lease, JobState.CANCELLED, compute_seconds, self._database.clock(session))
            self._schedule_files(session, lease)
            session.flush()
            self._failpoint("queue.cancelled.before_commit")
        self._failpoint("queue.cancelled.after_commit")

    def release(self, lease: Lease, *, pause: timedelta = timedelta(), is_paused: bool = False) -> None:
        """Release a run, so that another worker can continue it. It stays RUNNING.

        Args:
            pause: Time during which no worker takes the run, because it cannot continue yet.
            is_paused: Whether it waits until its tenant is resumed; it is then in the phase WAITING.

        Raises:
            LeaseLostError: Another worker owns the run, or it has ended.
        """
        with self._database.write() as session:
            (job,) = lock_held(session, [lease])
            now = self._database.clock(session)
            if is_paused:
                end_turn(job, now)
                set_waiting(session, job)
            else:
                job.lease_worker, job.update_time = None, now
                job.lease_expire_time = now + pause if pause else None
            session.flush()
            self._failpoint("queue.release.before_commit")
        self._failpoint("queue.release.after_commit")

    def counts(self, kind: JobKind = JobKind.TUNE) -> Mapping[JobState, int]:
        """Return the number of jobs of a kind in each state, over all tenants."""
        with self._database.read() as session:
            rows = session.execute(
                select(JobRow.state, func.count()).where(JobRow.kind == kind.value).group_by(JobRow.state)
            )
            found = {state: count for state, count in rows}  # noqa: C416 - mypy rejects dict(rows)
        return {state: found.get(state.value, 0) for state in JobState}

    def _schedule_files(self, session: Session, lease: Lease) -> None:
        """Schedule the deletion of the temporary files of a job that ends without success."""
        now = self._database.clock(session)
        if lease.kind is JobKind.EVALUATE:
            schedule_answers(session, lease.evaluation, now)
        elif lease.kind is JobKind.TUNE:
            schedule_checkpoints(session, lease.experiment, now)

    def _lease(
        self,
        operation: str,
        order: Callable[[Session, datetime], Sequence[WaitingRun]],
        worker: str,
        duration: timedelta,
    ) -> Lease | None:
        # Serialised: otherwise, two workers could both see the same tenant as the least busy one.
        with self._database.write("leases") as session:
            now = self._database.clock(session)
            job = lock_first(session, order(session, now), now)
            if job is None:
                return None
            lease = self._grant(session, job, worker, now, duration)
            session.flush()
            self._failpoint(f"queue.{operation}.before_commit")
        self._failpoint(f"queue.{operation}.after_commit")
        return lease

    def _grant(self, session: Session, job: JobRow, worker: str, now: datetime, duration: timedelta) -> Lease | None:
        """Lease a locked job that waits. A job on an unreadable resource fails, and the result is None."""
        waited = job.yield_time is not None
        grant(job, worker, now, duration)
        try:
            if waited:
                set_loading(session, job)
            subject = read_subject(session, job, now)
        except InternalError as error:
            # If an unreadable row stayed queued, every lease would select it again.
            transition(job, JobState.FAILED, now)
            job.failure = encode(Failure, Failure.of(error), "failure")
            return None
        return Lease(subject, job.lease_epoch, worker, job.key, job.lost_leases, job.traceparent)


def _state(job: JobRow | None, active: Collection[str]) -> LeaseState:
    if job is None:
        return LeaseState.LOST
    if job.state == JobState.CANCELLING.value:
        return LeaseState.CANCELLING
    return LeaseState.HELD if job.tenant in active else LeaseState.PAUSED
