"""The durable queue of experiments: leases with epochs, heartbeats and results.

A lease is valid while its epoch is the current epoch of the experiment. Every new lease increments the epoch, and every
write of a worker is conditional on it, so that a worker that returns late cannot change anything. Times come from the
database, because the clocks of workers differ.
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
from foreword.domain.report_limits import limit_evaluations
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
        """Lease the next experiment that is queued or whose lease has expired; return None if there is none.

        Experiments of the tenant with the fewest running experiments come first, then those of the tenant whose last
        run started longest ago, so that tenants take turns even with a single worker; then the oldest experiment.

        Args:
            worker: Unique id of the worker.
            duration: Time after which the lease expires without a heartbeat.
        """
        # Serialised: otherwise, two workers could both see the same tenant as the least busy one.
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
            # Limited to waiting tenants: idle workers run this query several times a second, and the history keeps
            # growing.
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
                    # A cancelled run needs a worker only to end, so it uses no tenant's turn.
                    case((ExperimentRow.state == ExperimentState.CANCELLING.value, 0), else_=1),
                    func.coalesce(running.c.running, 0),
                    # An interrupted run continues the turn that it already had.
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
                # If an unreadable row stayed queued, every lease would select it again.
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
            row.compute_seconds = max(row.compute_seconds, compute_seconds)
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
        transition(row, state, self._database.clock(session))
        row.compute_seconds = max(row.compute_seconds, compute_seconds)
        return row


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
