"""The durable queue of experiments: leases with epochs, heartbeats and results.

A lease is valid while its epoch is the current epoch of the experiment. Every new lease increments the epoch, and every
write of a worker is conditional on it, so that a worker that returns late cannot change anything. Times come from the
database, because the clocks of workers differ.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from foreword.domain.experiment import ExperimentState, Phase, Progress, Snapshot, TuneExperiment
from foreword.domain.failure import Failure
from foreword.domain.report import Evaluation
from foreword.domain.report_limits import limit_evaluations
from foreword.domain.tuned_model import TunedModel
from foreword.errors import InternalError, LeaseLostError
from foreword.names import TuneExperimentName
from foreword.storage.codec import decode, encode
from foreword.storage.database import Database
from foreword.storage.experiments import read_snapshots, to_experiment
from foreword.storage.tables import ExperimentRow, SnapshotRow
from foreword.storage.transitions import HELD_STATES, end_wait, transition
from foreword.storage.tuned_models import add_tuned_model
from foreword.storage.turns import charge_compute, lock_first, runs_before, runs_in_order

FAILPOINTS = tuple(
    f"queue.{operation}.{moment}"
    for operation in ("lease", "hand_over", "heartbeat", "rewind", "succeed", "fail", "cancelled", "release")
    for moment in ("before_commit", "after_commit")
)
"""The points at which `failpoint` is called, for tests that kill the process there."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on an experiment, until its epoch changes.

    Attributes:
        experiment: The experiment at the time of the lease, with its learning curve.
        epoch: Number of the lease, starting at 1 for each experiment.
        worker: Id of the worker that holds the lease.
        lost_before: Number of leases that expired since the run last made progress; released leases do not count.
    """

    experiment: TuneExperiment
    epoch: int
    worker: str
    lost_before: int = 0


class ExperimentQueue:
    """The experiments of all tenants, for workers.

    Args:
        failpoint: Called with a name of FAILPOINTS when that point is reached.
    """

    def __init__(self, database: Database, *, failpoint: Callable[[str], None] = lambda _: None) -> None:
        self._database = database
        self._failpoint = failpoint

    def lease(self, worker: str, duration: timedelta) -> Lease | None:
        """Lease the next experiment that waits for a worker; return None if there is none.

        An experiment waits if it is queued, was released, or has an expired lease. `domain.worker_turns` has their
        order.

        Args:
            worker: Unique id of the worker.
            duration: Time after which the lease expires without a heartbeat.
        """
        # Serialised: otherwise, two workers could both see the same tenant as the least busy one.
        with self._database.write("leases") as session:
            now = self._database.clock(session)
            row = lock_first(session, runs_in_order(session, now), now)
            if row is None:
                return None
            lease = _grant(session, row, worker, now, duration)
            session.flush()
            self._failpoint("queue.lease.before_commit")
        self._failpoint("queue.lease.after_commit")
        return lease

    def should_yield(self, lease: Lease) -> bool:
        """Return whether a run of another tenant should have the worker of a run that has had its turn.

        Such a run has waited for some seconds, so no other worker is free.
        """
        with self._database.read() as session:
            return bool(runs_before(session, lease.experiment.tenant, self._database.clock(session)))

    def hand_over(self, lease: Lease, duration: timedelta) -> Lease | None:
        """Release a run and lease the run of another tenant that should have the worker, in one transaction.

        The released run stays RUNNING, in the phase WAITING. Write a checkpoint first.

        Args:
            lease: The lease of the run that has had its turn.
            duration: Time after which the new lease expires without a heartbeat.

        Returns:
            The new lease; None if no other run should have the worker any more, and `lease` stays valid.

        Raises:
            LeaseLostError: Another worker owns the run, or it has ended.
        """
        with self._database.write("leases") as session:
            row = _owned(session, lease)
            now = self._database.clock(session)
            if row.state == ExperimentState.CANCELLING.value:
                return None
            next_row = lock_first(session, runs_before(session, row.tenant, now), now)
            if next_row is None:
                return None
            granted = _grant(session, next_row, lease.worker, now, duration)
            if granted is None:
                return None
            row.lease_worker, row.lease_expire_time, row.yield_time = None, now, now
            row.update_time = now
            _set_phase(row, Phase.WAITING)
            session.flush()
            self._failpoint("queue.hand_over.before_commit")
        self._failpoint("queue.hand_over.after_commit")
        return granted

    def heartbeat(
        self,
        lease: Lease,
        *,
        duration: timedelta,
        progress: Progress | None = None,
        snapshots: Sequence[Snapshot] = (),
        compute_seconds: float = 0.0,
        made_progress: bool = False,
    ) -> bool:
        """Renew a lease and store new results.

        Args:
            progress: New progress; None leaves it unchanged.
            snapshots: New points of the learning curve; this method assigns their sequence numbers.
            compute_seconds: Total worker time used so far; the stored value never decreases.
            made_progress: Whether a checkpoint after the start of this lease exists; earlier lost leases then no longer
                count.

        Returns:
            Whether cancellation of the run was requested.

        Raises:
            LeaseLostError: Another worker owns the run, or it has ended.
        """
        with self._database.write() as session:
            row = _owned(session, lease)
            now = self._database.clock(session)
            row.lease_expire_time = now + duration
            charge_compute(session, row, compute_seconds, now)
            if made_progress:
                row.lost_leases = 0
            if progress is not None:
                row.progress = encode(Progress, progress, "progress")
            for snapshot in snapshots:
                row.last_sequence += 1
                numbered = dataclasses.replace(snapshot, sequence=row.last_sequence)
                session.add(
                    SnapshotRow(
                        experiment_key=row.key,
                        sequence=row.last_sequence,
                        tenant=row.tenant,
                        step=snapshot.step,
                        point=encode(Snapshot, numbered, "snapshot"),
                    )
                )
            if progress is not None or snapshots:
                row.update_time = now
            cancelling = row.state == ExperimentState.CANCELLING.value
            session.flush()
            self._failpoint("queue.heartbeat.before_commit")
        self._failpoint("queue.heartbeat.after_commit")
        return cancelling

    def rewind(self, lease: Lease, step: int) -> None:
        """Delete the points of the learning curve after a step. Sequence numbers keep growing.

        Raises:
            LeaseLostError: Another worker owns the run, or it has ended.
        """
        with self._database.write() as session:
            row = _owned(session, lease)
            session.execute(delete(SnapshotRow).where(SnapshotRow.experiment_key == row.key, SnapshotRow.step > step))
            row.update_time = self._database.clock(session)
            session.flush()
            self._failpoint("queue.rewind.before_commit")
        self._failpoint("queue.rewind.after_commit")

    def succeed(
        self,
        lease: Lease,
        *,
        tuned_model: TunedModel,
        evaluations: Sequence[Evaluation],
        curve_advice: str,
        compute_seconds: float,
    ) -> None:
        """End a run successfully. Its state and its tuned model are stored in one transaction.

        Long examples and report parts of the evaluations are cut; see `report_limits`.

        Raises:
            LeaseLostError: Another worker owns the run, or it has ended.
        """
        assert tuned_model.tenant == lease.experiment.tenant
        with self._database.write() as session:
            row = self._end(session, lease, ExperimentState.SUCCEEDED, compute_seconds)
            assert row.end_time is not None
            done = dataclasses.replace(decode(Progress, row.progress), percent=100.0, remaining_seconds=0.0)
            row.progress = encode(Progress, done)
            row.evaluations = encode(tuple[Evaluation, ...], limit_evaluations(evaluations), "evaluations")
            row.curve_advice = curve_advice
            row.tuned_model = tuned_model.id
            add_tuned_model(session, tuned_model, row.end_time)
            session.flush()
            self._failpoint("queue.succeed.before_commit")
        self._failpoint("queue.succeed.after_commit")

    def fail(self, lease: Lease, failure: Failure, compute_seconds: float) -> None:
        """End a run with a failure.

        Raises:
            LeaseLostError: Another worker owns the run, or it has ended.
        """
        with self._database.write() as session:
            row = self._end(session, lease, ExperimentState.FAILED, compute_seconds)
            row.failure = encode(Failure, failure, "failure")
            session.flush()
            self._failpoint("queue.fail.before_commit")
        self._failpoint("queue.fail.after_commit")

    def cancelled(self, lease: Lease, compute_seconds: float) -> None:
        """End a run whose cancellation was requested.

        Raises:
            LeaseLostError: Another worker owns the run, or it has ended.
        """
        with self._database.write() as session:
            self._end(session, lease, ExperimentState.CANCELLED, compute_seconds)
            session.flush()
            self._failpoint("queue.cancelled.before_commit")
        self._failpoint("queue.cancelled.after_commit")

    def release(self, lease: Lease, *, pause: timedelta = timedelta()) -> None:
        """Release a run, so that another worker can continue it. It stays RUNNING.

        Args:
            pause: Time during which no worker takes the run, because it cannot continue yet.

        Raises:
            LeaseLostError: Another worker owns the run, or it has ended.
        """
        with self._database.write() as session:
            row = _owned(session, lease)
            row.lease_worker = None
            row.lease_expire_time = self._database.clock(session) + pause if pause else None
            session.flush()
            self._failpoint("queue.release.before_commit")
        self._failpoint("queue.release.after_commit")

    def counts(self) -> Mapping[ExperimentState, int]:
        """Return the number of experiments in each state, over all tenants."""
        with self._database.read() as session:
            rows = session.execute(select(ExperimentRow.state, func.count()).group_by(ExperimentRow.state))
            found = {state: count for state, count in rows}  # noqa: C416 - mypy rejects dict(rows)
        return {state: found.get(state.value, 0) for state in ExperimentState}

    def _end(self, session: Session, lease: Lease, state: ExperimentState, compute_seconds: float) -> ExperimentRow:
        row = _owned(session, lease)
        now = self._database.clock(session)
        transition(row, state, now)
        charge_compute(session, row, compute_seconds, now)
        return row


def _grant(session: Session, row: ExperimentRow, worker: str, now: datetime, duration: timedelta) -> Lease | None:
    """Lease a locked run that waits. An unreadable one fails, and the result is None."""
    if row.lease_worker is not None:
        row.lost_leases += 1
    waited = row.yield_time is not None
    end_wait(row, now)
    row.lease_epoch += 1
    row.lease_worker = worker
    row.lease_expire_time = now + duration
    if row.state == ExperimentState.QUEUED.value:
        transition(row, ExperimentState.RUNNING, now)
    try:
        if waited:
            _set_phase(row, Phase.LOADING)
        experiment = to_experiment(row, read_snapshots(session, row, 0))
    except InternalError as error:
        # If an unreadable row stayed queued, every lease would select it again.
        transition(row, ExperimentState.FAILED, now)
        row.failure = encode(Failure, Failure.of(error), "failure")
        return None
    return Lease(experiment, row.lease_epoch, worker, row.lost_leases)


def _set_phase(row: ExperimentRow, phase: Phase) -> None:
    progress = dataclasses.replace(decode(Progress, row.progress), phase=phase, remaining_seconds=None)
    row.progress = encode(Progress, progress)


def _owned(session: Session, lease: Lease) -> ExperimentRow:
    """Return the locked row of the experiment, or raise LeaseLostError if the lease is no longer valid."""
    row = session.scalars(
        select(ExperimentRow)
        .where(
            ExperimentRow.tenant == lease.experiment.tenant,
            ExperimentRow.id == lease.experiment.id,
            ExperimentRow.lease_epoch == lease.epoch,
            ExperimentRow.lease_worker == lease.worker,
            ExperimentRow.state.in_(HELD_STATES),
        )
        .with_for_update()
    ).one_or_none()
    if row is None:
        name = TuneExperimentName(lease.experiment.tenant, lease.experiment.id)
        raise LeaseLostError(
            f"{lease.worker} no longer holds the lease of {name} (epoch {lease.epoch}). Abandon the run.",
            metadata={"resource": str(name), "epoch": str(lease.epoch)},
        )
    return row
