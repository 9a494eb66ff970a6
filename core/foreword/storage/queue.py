"""The durable queue of experiments: leases with epochs, heartbeats and endings.

A lease is good while its epoch is the experiment's: leasing again counts the epoch up, and every write of a worker is
conditional on it, so that a worker that comes back late can change nothing. Times are the database's, because the
clocks of workers differ.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, case, delete, func, or_, select
from sqlalchemy.orm import Session

from foreword.domain.experiment import ExperimentState, Progress, Snapshot, TuneExperiment
from foreword.domain.failure import Failure
from foreword.domain.report import Evaluation
from foreword.domain.tuned_model import TunedModel
from foreword.errors import InternalError, LeaseLostError
from foreword.names import TuneExperimentName
from foreword.storage.codec import decode, encode
from foreword.storage.database import Database
from foreword.storage.experiments import read_snapshots, to_experiment
from foreword.storage.tables import ExperimentRow, SnapshotRow
from foreword.storage.transitions import HELD_STATES, transition
from foreword.storage.tuned_models import add_tuned_model

FAILPOINTS = tuple(
    f"queue.{operation}.{moment}"
    for operation in ("lease", "heartbeat", "rewind", "succeed", "fail", "cancelled", "release")
    for moment in ("before_commit", "after_commit")
)
"""Moments at which `failpoint` is called, for tests that kill the process there."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on an experiment, until its epoch moves on.

    Attributes:
        experiment: As it was when leased, with its learning curve.
        epoch: Counted from 1 over the life of the experiment.
        worker: Who holds it.
        lost_before: How many earlier leases ran out since the run last got further; those that were given back do
            not count.
    """

    experiment: TuneExperiment
    epoch: int
    worker: str
    lost_before: int = 0


class ExperimentQueue:
    """The experiments of all tenants, as workers see them.

    Args:
        failpoint: Called with each name of FAILPOINTS as the moment comes.
    """

    def __init__(self, database: Database, *, failpoint: Callable[[str], None] = lambda _: None) -> None:
        self._database = database
        self._failpoint = failpoint

    def lease(self, worker: str, duration: timedelta) -> Lease | None:
        """Takes the next experiment: one that is queued, or whose worker fell silent; None when there is none.

        The tenant with the fewest running experiments comes first, then the one whose turn is longest ago, so that with
        a single worker the tenants take turns as well; then the oldest experiment.

        Args:
            worker: Who asks; unique among workers.
            duration: How long the lease lasts without a heartbeat.
        """
        # One at a time, or two workers would both see the same tenant as the least busy.
        with self._database.write("leases") as session:
            now = self._database.clock(session)
            free = or_(ExperimentRow.lease_expire_time.is_(None), ExperimentRow.lease_expire_time <= now)
            held = ExperimentRow.state.in_(HELD_STATES)
            running = (
                select(ExperimentRow.tenant, func.count().label("running"))
                .where(held, ExperimentRow.lease_worker.is_not(None), ExperimentRow.lease_expire_time > now)
                .group_by(ExperimentRow.tenant)
                .subquery()
            )
            queued = ExperimentRow.state == ExperimentState.QUEUED.value
            # Only of tenants that wait: an idle worker asks several times a second, and history only grows.
            turns = (
                select(ExperimentRow.tenant, func.max(ExperimentRow.start_time).label("last"))
                .where(ExperimentRow.tenant.in_(select(ExperimentRow.tenant).where(queued)))
                .group_by(ExperimentRow.tenant)
                .subquery()
            )
            row = session.scalars(
                select(ExperimentRow)
                .outerjoin(running, running.c.tenant == ExperimentRow.tenant)
                .outerjoin(turns, turns.c.tenant == ExperimentRow.tenant)
                .where(or_(queued, and_(held, free)))
                .order_by(
                    # A cancelled run needs a worker only to end: it takes nobody's turn.
                    case((ExperimentRow.state == ExperimentState.CANCELLING.value, 0), else_=1),
                    func.coalesce(running.c.running, 0),
                    # A run that was interrupted has had its turn and only goes on with it.
                    case((queued, turns.c.last)).nulls_first(),
                    ExperimentRow.key,
                )
                .limit(1)
                .with_for_update(of=ExperimentRow, skip_locked=True)
            ).one_or_none()
            if row is None:
                return None
            if row.lease_worker is not None:
                row.lost_leases += 1
            row.lease_epoch += 1
            row.lease_worker = worker
            row.lease_expire_time = now + duration
            if row.state == ExperimentState.QUEUED.value:
                transition(row, ExperimentState.RUNNING, now)
            try:
                experiment = to_experiment(row, read_snapshots(session, row, 0))
            except InternalError as error:
                # Left queued, a row that nobody can read would be the next one for ever.
                transition(row, ExperimentState.FAILED, now)
                row.failure = encode(Failure, Failure.of(error), "failure")
                return None
            lease = Lease(experiment, row.lease_epoch, worker, row.lost_leases)
            session.flush()
            self._failpoint("queue.lease.before_commit")
        self._failpoint("queue.lease.after_commit")
        return lease

    def heartbeat(
        self,
        lease: Lease,
        *,
        duration: timedelta,
        progress: Progress | None = None,
        snapshots: Sequence[Snapshot] = (),
        compute_seconds: float = 0.0,
        got_further: bool = False,
    ) -> bool:
        """Renews a lease and stores what is new.

        Args:
            progress: None leaves it as it is.
            snapshots: New points of the learning curve; they get their sequence numbers here.
            compute_seconds: Worker time used so far in all; never counts down.
            got_further: Whether a checkpoint beyond where this lease began is there: leases lost before do not count
                any more.

        Returns:
            Whether somebody asked to cancel the run.

        Raises:
            LeaseLostError: Another worker owns the run, or it has ended.
        """
        with self._database.write() as session:
            row = _owned(session, lease)
            now = self._database.clock(session)
            row.lease_expire_time = now + duration
            row.compute_seconds = max(row.compute_seconds, compute_seconds)
            if got_further:
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
        """Drops what the learning curve holds beyond the step that a run resumes from. Sequence numbers still grow.

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
        """Ends a run with what it learnt: state and tuned model appear together.

        Raises:
            LeaseLostError: Another worker owns the run, or it has ended.
        """
        assert tuned_model.tenant == lease.experiment.tenant
        with self._database.write() as session:
            row = self._end(session, lease, ExperimentState.SUCCEEDED, compute_seconds)
            assert row.end_time is not None
            done = dataclasses.replace(decode(Progress, row.progress), percent=100.0, remaining_seconds=0.0)
            row.progress = encode(Progress, done)
            row.evaluations = encode(tuple[Evaluation, ...], tuple(evaluations), "evaluations")
            row.curve_advice = curve_advice
            row.tuned_model = tuned_model.id
            add_tuned_model(session, tuned_model, row.end_time)
            session.flush()
            self._failpoint("queue.succeed.before_commit")
        self._failpoint("queue.succeed.after_commit")

    def fail(self, lease: Lease, failure: Failure, compute_seconds: float) -> None:
        """Ends a run with a fault.

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
        """Ends a run that somebody asked to cancel.

        Raises:
            LeaseLostError: Another worker owns the run, or it has ended.
        """
        with self._database.write() as session:
            self._end(session, lease, ExperimentState.CANCELLED, compute_seconds)
            session.flush()
            self._failpoint("queue.cancelled.before_commit")
        self._failpoint("queue.cancelled.after_commit")

    def release(self, lease: Lease, *, pause: timedelta = timedelta()) -> None:
        """Gives a run back, so that another worker can go on; it stays RUNNING.

        Args:
            pause: How long nobody takes it up, because it cannot go on yet.

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
        """Experiments by state, over all tenants."""
        with self._database.read() as session:
            rows = session.execute(select(ExperimentRow.state, func.count()).group_by(ExperimentRow.state))
            found = {state: count for state, count in rows}  # noqa: C416 - dict(rows) is beyond mypy
        return {state: found.get(state.value, 0) for state in ExperimentState}

    def _end(self, session: Session, lease: Lease, state: ExperimentState, compute_seconds: float) -> ExperimentRow:
        row = _owned(session, lease)
        transition(row, state, self._database.clock(session))
        row.compute_seconds = max(row.compute_seconds, compute_seconds)
        return row


def _owned(session: Session, lease: Lease) -> ExperimentRow:
    """The experiment's row, locked, if the lease still holds."""
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
            f"{name} is no longer {lease.worker}'s (epoch {lease.epoch}). Drop the run.",
            metadata={"resource": str(name), "epoch": str(lease.epoch)},
        )
    return row
