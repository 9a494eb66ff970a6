"""Experiments of a tenant, for their owners. Workers use `queue`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager, defer

from foreword.domain.experiment import ExperimentConfig, Progress, Snapshot, TuneExperiment, TunePlan
from foreword.domain.failure import Failure
from foreword.domain.job import JobKind, JobState
from foreword.domain.report import SystemEvaluation
from foreword.domain.resource_view import ResourceView
from foreword.domain.suspect_rows import SuspectRows
from foreword.domain.trial import Trial
from foreword.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError
from foreword.names import TuneExperimentName, TuneSweepName, check_id
from foreword.storage.artifacts.deletions import note_deletion
from foreword.storage.artifacts.keys import checkpoints_key
from foreword.storage.codec import decode, encode
from foreword.storage.database import Database
from foreword.storage.jobs.admission import check_room, free_name
from foreword.storage.jobs.leases import lock_job, new_job
from foreword.storage.jobs.transitions import request_cancel
from foreword.storage.lists.list_specs import TUNE_EXPERIMENTS
from foreword.storage.lists.pages import ListReader, Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.repositories.datasets import require_dataset
from foreword.storage.repositories.requests import RequestKey, deleted_since, find_replay, remember
from foreword.storage.repositories.tenants import require_tenant
from foreword.storage.tables import ExperimentRow, SnapshotRow, SweepRow
from foreword.storage.texts import check_texts


class ExperimentRepository:
    """The experiments of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def create(
        self,
        *,
        display_name: str,
        description: str,
        config: ExperimentConfig,
        plan: TunePlan,
        creator: str,
        max_queued: int,
        id: str | None = None,
        request: RequestKey | None = None,
    ) -> TuneExperiment:
        """Queue an experiment. The first free suffix of ` (1)`, ` (2)`, ... is appended to its display name.

        Args:
            max_queued: Maximum number of queued experiments of the tenant.

        Raises:
            InvalidArgumentError: The id is invalid.
            NotFoundError: The tenant, the dataset or the experiment of a replayed request does not exist.
            AlreadyExistsError: The id is taken, or the request id was already used with other content.
            ExhaustedError: The tenant has too many experiments queued.
        """
        check_texts(display_name=display_name, description=description)
        if id is not None:
            check_id(id, "tune_experiment_id")
        with self._database.write_tenant(self._tenant) as session:
            made = self._made(session, request)
            if made is not None:
                return made
            require_tenant(session, self._tenant)
            require_datasets(session, self._tenant, config)
            check_room(session, JobKind.TUNE, self._tenant, max_queued, plan.estimated_seconds)
            id = id or self._database.new_id()
            if _find(session, self._tenant, id) is not None:
                name = TuneExperimentName(self._tenant, id)
                raise AlreadyExistsError(f"{name} already exists. Choose another id.", metadata={"resource": str(name)})
            now = self._database.clock(session)
            row = new_experiment(
                self._tenant,
                id,
                display_name=free_name(session, ExperimentRow, self._tenant, display_name),
                description=description,
                config=config,
                plan=plan,
                creator=creator,
                now=now,
            )
            session.add(row)
            remember(session, self._tenant, request, id, now)
            return to_experiment(row)

    def find_replayed(self, request: RequestKey | None) -> TuneExperiment | None:
        """Return the experiment that an earlier request with the same id created; None if the request is new.

        `create` makes the same check in its transaction. Checking first answers a replay even if the resources it
        refers to have changed since, and without a new plan.

        Raises:
            NotFoundError: The experiment has been deleted since.
            AlreadyExistsError: The request id was already used with other content.
        """
        if request is None:
            return None
        with self._database.read() as session:
            return self._made(session, request)

    def get(self, id: str, *, after_sequence: int | None = None) -> TuneExperiment:
        """Return an experiment.

        Args:
            after_sequence: Only snapshots with a larger sequence number; 0 for all, None for none.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        with self._database.read() as session:
            row = _require(session, self._tenant, id)
            return to_experiment(row, read_snapshots(session, row, after_sequence))

    def list(self, request: ListRequest = FIRST_PAGE, *, take: Take[TuneExperiment] = take_any) -> Page[TuneExperiment]:
        """List experiments, by default newest first; the basic view leaves out learning curves and results.

        Args:
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        full = request.view is ResourceView.FULL
        return ListReader(
            database=self._database,
            spec=TUNE_EXPERIMENTS,
            tenant=self._tenant,
            conditions=[ExperimentRow.tenant == self._tenant],
            options=() if full else [defer(ExperimentRow.evaluations), defer(ExperimentRow.suspect_rows)],
            convert=lambda session, rows: (
                to_experiment(row, read_snapshots(session, row, 0 if full else None), with_results=full) for row in rows
            ),
        ).read(request, take)

    def request_cancel(self, id: str) -> TuneExperiment:
        """Request the cancellation of an experiment.

        A queued one is cancelled at once, and so is one that waits between two turns. A running one is cancelled by its
        worker.

        Raises:
            NotFoundError: It does not exist in the tenant.
            FailedPreconditionError: It has already succeeded or failed.
        """
        with self._database.write_tenant(self._tenant) as session:
            row = _require(session, self._tenant, id, for_update=True)
            state = JobState(row.job.state)
            if state in (JobState.SUCCEEDED, JobState.FAILED):
                name = TuneExperimentName(self._tenant, id)
                raise FailedPreconditionError(
                    f"{name} has already {state.value} and cannot be cancelled. Delete it if you do not need it.",
                    reason="EXPERIMENT_ENDED",
                    metadata={"resource": str(name), "state": state.value},
                )
            cancel_job(session, row, self._database.clock(session))
            return to_experiment(row)

    def delete(self, id: str) -> str:
        """Delete an experiment that has ended. Its tuned model remains.

        Returns:
            The prefix of its checkpoints in the artifact store, scheduled for deletion by `ArtifactDeletions`. Some may
            exist, because the worker that ended the run may have died before it deleted them.

        Raises:
            NotFoundError: It does not exist in the tenant.
            FailedPreconditionError: It has not ended, or it is a trial of a sweep, whose result depends on it.
        """
        with self._database.write_tenant(self._tenant) as session:
            row = _require(session, self._tenant, id, for_update=True)
            state = row.job.state
            if not JobState(state).ended:
                name = TuneExperimentName(self._tenant, id)
                raise FailedPreconditionError(
                    f"{name} is {state}. Cancel it and wait until it has ended, then delete it.",
                    reason="EXPERIMENT_ACTIVE",
                    metadata={"resource": str(name), "state": state},
                )
            self._check_not_of_sweep(session, row)
            session.delete(row)
            checkpoints = checkpoints_key(self._tenant, id, row.create_time)
            note_deletion(session, self._tenant, checkpoints, self._database.clock(session))
            return checkpoints

    def _check_not_of_sweep(self, session: Session, row: ExperimentRow) -> None:
        """Raise an error if an experiment is a trial of a sweep that exists."""
        of_sweep = SweepRow.tenant == self._tenant, SweepRow.id == row.sweep
        if row.sweep is not None and session.scalars(select(SweepRow.key).where(*of_sweep)).first() is not None:
            sweep = str(TuneSweepName(self._tenant, row.sweep))
            raise FailedPreconditionError(
                f"{TuneExperimentName(self._tenant, row.id)} is a trial of {sweep}, whose result depends on it. Delete "
                "the sweep, which deletes all of its trials and keeps their tuned models.",
                reason="TRIAL_OF_SWEEP",
                metadata={"resource": sweep},
            )

    def _made(self, session: Session, request: RequestKey | None) -> TuneExperiment | None:
        replay = find_replay(session, self._tenant, request)
        if replay is None:
            return None
        row = _find(session, self._tenant, replay.resource)
        if row is None or not replay.made(row.create_time):
            raise deleted_since(str(TuneExperimentName(self._tenant, replay.resource)))
        return to_experiment(row)


def new_experiment(
    tenant: str,
    id: str,
    *,
    display_name: str,
    description: str,
    config: ExperimentConfig,
    plan: TunePlan,
    creator: str,
    now: datetime,
    trial: Trial | None = None,
) -> ExperimentRow:
    """Return the row of a queued experiment with its job."""
    return ExperimentRow(
        tenant=tenant,
        id=id,
        display_name=display_name,
        description=description,
        dataset=config.dataset,
        config=encode(ExperimentConfig, config, "tune_experiment"),
        plan=encode(TunePlan, plan, "tune_experiment.plan"),
        progress=encode(Progress, Progress()),
        last_sequence=0,
        evaluations=[],
        curve_advice="",
        suspect_rows=None,
        tuned_model=None,
        creator=creator,
        create_time=now,
        sweep=None if trial is None else trial.sweep,
        trial=None if trial is None else encode(Trial, trial, "trial"),
        held_out_score=None,
        job=new_job(
            JobKind.TUNE,
            base_model=config.base_model,
            tuning_type=config.tuning_type,
            runs_alone=plan.runs_alone,
            now=now,
        ),
    )


def require_datasets(session: Session, tenant: str, config: ExperimentConfig) -> None:
    """Raise NotFoundError unless all datasets of a run exist."""
    for id in (config.dataset, config.validation_dataset):
        if id is not None:
            require_dataset(session, tenant, id)


def cancel_job(session: Session, row: ExperimentRow, now: datetime, reason: Failure | None = None) -> None:
    """Cancel a run that has not ended, whose job is locked; a worker that holds it finds out at its next heartbeat.

    Args:
        reason: Why its sweep has stopped it; None if its owner cancels it.
    """
    if request_cancel(row.job, now):
        note_deletion(session, row.tenant, checkpoints_key(row.tenant, row.id, row.create_time), now)
    if reason is not None:
        row.job.failure = encode(Failure, reason, "failure")


def find_experiment(session: Session, tenant: str, id: str) -> ExperimentRow | None:
    """Return the row of an experiment with its job; None if it does not exist.

    Whoever wants to change it locks the job before, so that the row is read as its last writer left it.
    """
    return session.scalars(
        select(ExperimentRow)
        .join(ExperimentRow.job)
        .options(contains_eager(ExperimentRow.job))
        .where(ExperimentRow.tenant == tenant, ExperimentRow.id == id)
    ).one_or_none()


def read_snapshots(session: Session, row: ExperimentRow, after_sequence: int | None) -> tuple[Snapshot, ...]:
    """Return the learning curve after a sequence number, oldest first; None returns no points."""
    if after_sequence is None or row.last_sequence <= after_sequence:
        return ()
    points = session.scalars(
        select(SnapshotRow.point)
        .where(SnapshotRow.experiment_key == row.key, SnapshotRow.sequence > after_sequence)
        .order_by(SnapshotRow.sequence)
    )
    return tuple(decode(Snapshot, point) for point in points)


def to_experiment(
    row: ExperimentRow, snapshots: Sequence[Snapshot] = (), *, with_results: bool = True
) -> TuneExperiment:
    """Convert a row to an experiment.

    Args:
        with_results: Whether to include the evaluations and the suspect rows.
    """
    job, suspects = row.job, row.suspect_rows if with_results else None
    return TuneExperiment(
        tenant=row.tenant,
        id=row.id,
        display_name=row.display_name,
        description=row.description,
        config=decode(ExperimentConfig, row.config),
        plan=decode(TunePlan, row.plan),
        state=JobState(job.state),
        failure=None if job.failure is None else decode(Failure, job.failure),
        progress=decode(Progress, row.progress),
        snapshots=tuple(snapshots),
        last_sequence=row.last_sequence,
        evaluations=decode(tuple[SystemEvaluation, ...], row.evaluations) if with_results else (),
        curve_advice=row.curve_advice,
        suspect_rows=None if suspects is None else decode(SuspectRows, suspects),
        tuned_model=row.tuned_model,
        compute_seconds=job.compute_seconds,
        wait_seconds=job.wait_seconds,
        creator=row.creator,
        create_time=row.create_time,
        update_time=job.update_time,
        start_time=job.start_time,
        end_time=job.end_time,
        trial=None if row.trial is None else decode(Trial, row.trial),
    )


def _find(session: Session, tenant: str, id: str, *, for_update: bool = False) -> ExperimentRow | None:
    if for_update:
        lock_job(session, JobKind.TUNE, tenant, id)
    return find_experiment(session, tenant, id)


def _require(session: Session, tenant: str, id: str, *, for_update: bool = False) -> ExperimentRow:
    row = _find(session, tenant, id, for_update=for_update)
    if row is None:
        raise NotFoundError.of(str(TuneExperimentName(tenant, id)))
    return row
