"""Experiments of a tenant, for their owners. Workers use `queue`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from foreword.domain.experiment import ExperimentConfig, Phase, Progress, Snapshot, TuneExperiment, TunePlan
from foreword.domain.failure import Failure
from foreword.domain.job import JobKind
from foreword.domain.report import SystemEvaluation
from foreword.domain.resource_view import ResourceView
from foreword.domain.suspect_rows import SuspectRows
from foreword.domain.tags import TagChange
from foreword.domain.thin_curve import CurvePoint
from foreword.domain.trial import Trial
from foreword.errors import FailedPreconditionError
from foreword.names import TuneExperimentName, TuneSweepName
from foreword.storage.artifacts.kept_checkpoints import schedule_checkpoints
from foreword.storage.artifacts.keys import checkpoints_key
from foreword.storage.codec import decode, encode
from foreword.storage.database import Database
from foreword.storage.jobs.leases import new_job
from foreword.storage.jobs.transitions import request_cancel
from foreword.storage.lists.list_specs import TUNE_EXPERIMENTS
from foreword.storage.lists.pages import Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.repositories.datasets import require_dataset
from foreword.storage.repositories.job_resources import (
    JobResource,
    JobResources,
    current_progress,
    find_job_row,
    job_values,
)
from foreword.storage.repositories.requests import RequestKey, remember
from foreword.storage.tables import ExperimentRow, SnapshotRow, SweepRow
from foreword.storage.texts import check_texts
from foreword.turns.cancellation import check_cancelled

EXPERIMENT_RESOURCE: Final = JobResource(
    kind=JobKind.TUNE,
    row=ExperimentRow,
    name=TuneExperimentName,
    id_field="tune_experiment_id",
    reason="EXPERIMENT",
    listed=TUNE_EXPERIMENTS,
)


class ExperimentRepository(JobResources[ExperimentRow, TuneExperiment]):
    """The experiments of one tenant. They are deleted without their tuned models."""

    def __init__(self, database: Database, tenant: str) -> None:
        super().__init__(database, tenant, EXPERIMENT_RESOURCE)

    def create(
        self,
        *,
        display_name: str,
        description: str,
        config: ExperimentConfig,
        plan: TunePlan,
        creator: str,
        max_queued: int,
        tags: Mapping[str, str] = MappingProxyType({}),
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
        return self._create(
            lambda key, name, now: new_experiment(
                self._tenant,
                key,
                display_name=name,
                description=description,
                config=config,
                plan=plan,
                creator=creator,
                now=now,
                tags=tags,
            ),
            display_name=display_name,
            description=description,
            datasets=_datasets(config),
            estimated_seconds=plan.estimated_seconds,
            max_queued=max_queued,
            id=id,
            request=request,
        )

    def get(self, id: str, *, after_sequence: int | None = None) -> TuneExperiment:
        """Return an experiment.

        Args:
            after_sequence: Only snapshots with a larger sequence number; 0 for all, None for none.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        with self._database.read() as session:
            row = self._require(session, id)
            return to_experiment(row, self._database.clock(session), read_snapshots(session, row, after_sequence))

    def curve(self, id: str) -> Sequence[CurvePoint]:
        """Return the learning curve of an experiment without its refit, oldest point first.

        It takes a fraction of the time of all its snapshots.

        Raises:
            NotFoundError: The experiment does not exist in the tenant.
        """
        with self._database.read() as session:
            row = self._require(session, id)
            return read_curve(session, row)

    def list(self, request: ListRequest = FIRST_PAGE, *, take: Take[TuneExperiment] = take_any) -> Page[TuneExperiment]:
        """List experiments, by default newest first; the basic view leaves out learning curves and results.

        Args:
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        full = request.view is ResourceView.FULL
        return self._list(
            request,
            take,
            lambda session, rows, now: (
                to_experiment(row, now, read_snapshots(session, row, 0 if full else None), with_results=full)
                for row in rows
            ),
            () if full else [defer(ExperimentRow.evaluations), defer(ExperimentRow.suspect_rows)],
        )

    def update(
        self,
        id: str,
        *,
        description: str | None = None,
        tags: TagChange | None = None,
        request: RequestKey | None = None,
    ) -> TuneExperiment:
        """Change the fields that are not None.

        Raises:
            InvalidArgumentError: The text is invalid, or there would be too many tags.
            NotFoundError: It does not exist in the tenant.
            AlreadyExistsError: The request id was already used with other content.
        """
        check_texts(description=description)
        with self._database.write_tenant(self._tenant) as session:
            made = self._made(session, request)
            if made is not None:
                return made
            row = self._require(session, id, for_update=True)
            row.description = row.description if description is None else description
            row.tags = row.tags if tags is None else tags.apply(row.tags or {})
            row.job.update_time = now = self._database.clock(session)
            remember(session, self._tenant, request, id, now)
            return self._item(row, now)

    def _item(self, row: ExperimentRow, now: datetime) -> TuneExperiment:
        return to_experiment(row, now)

    def _files(self, row: ExperimentRow) -> tuple[str, ...]:
        # Checkpoints may exist, because the worker that ended the run may have died before it deleted them.
        return (checkpoints_key(row.tenant, row.id, row.create_time),)

    def _cancelled(self, session: Session, row: ExperimentRow, now: datetime) -> None:
        _schedule_checkpoints(session, row, now)

    def _check_unneeded(self, session: Session, row: ExperimentRow) -> None:
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
    tags: Mapping[str, str],
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
        tags=dict(tags),
        retry_of=None,
        resumed_step=0,
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
    for id in _datasets(config):
        if id is not None:
            require_dataset(session, tenant, id)


def cancel_job(session: Session, row: ExperimentRow, now: datetime, reason: Failure | None = None) -> None:
    """Cancel a run that has not ended, whose job is locked; a worker that holds it finds out at its next heartbeat.

    Args:
        reason: Why its sweep has stopped it; None if its owner cancels it.
    """
    if request_cancel(row.job, now):
        _schedule_checkpoints(session, row, now)
    if reason is not None:
        row.job.failure = encode(Failure, reason, "failure")


def find_experiment(session: Session, tenant: str, id: str) -> ExperimentRow | None:
    """Return the row of an experiment with its job; None if it does not exist. See `find_job_row`."""
    return find_job_row(session, ExperimentRow, tenant, id)


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


def read_curve(session: Session, row: ExperimentRow) -> Sequence[CurvePoint]:
    """Return the learning curve without the points of a refit, oldest first."""
    point = SnapshotRow.point
    rows = session.execute(
        select(*(point[name].as_string() for name in ("epoch", "loss", "validation_loss", "validation_metric")))
        .where(SnapshotRow.experiment_key == row.key, point["phase"].as_string() != Phase.REFITTING.value)
        .order_by(SnapshotRow.sequence)
    )
    found = []
    for epoch, loss, held_out, metric in rows:
        check_cancelled()
        found.append(
            CurvePoint(
                epoch=float(epoch),
                loss=float(loss),
                validation_loss=None if held_out is None else float(held_out),
                validation_metric=None if metric is None else float(metric),
            )
        )
    return found


def to_experiment(
    row: ExperimentRow, now: datetime, snapshots: Sequence[Snapshot] = (), *, with_results: bool = True
) -> TuneExperiment:
    """Convert a row to an experiment.

    Args:
        now: The database's time.
        with_results: Whether to include the evaluations and the suspect rows.
    """
    suspects = row.suspect_rows if with_results else None
    values = job_values(row.job, now)
    return TuneExperiment(
        **values,
        tenant=row.tenant,
        id=row.id,
        display_name=row.display_name,
        description=row.description,
        config=decode(ExperimentConfig, row.config),
        plan=decode(TunePlan, row.plan),
        progress=current_progress(Progress, row.progress, values),
        snapshots=tuple(snapshots),
        last_sequence=row.last_sequence,
        evaluations=decode(tuple[SystemEvaluation, ...], row.evaluations) if with_results else (),
        curve_advice=row.curve_advice,
        suspect_rows=None if suspects is None else decode(SuspectRows, suspects),
        tuned_model=row.tuned_model,
        wait_seconds=row.job.wait_seconds,
        creator=row.creator,
        create_time=row.create_time,
        trial=None if row.trial is None else decode(Trial, row.trial),
        tags=dict(row.tags or {}),
        retry_of=row.retry_of,
        resumed_step=row.resumed_step,
    )


def _schedule_checkpoints(session: Session, row: ExperimentRow, now: datetime) -> None:
    """Schedule the deletion of the checkpoints of a run that no worker ends. One that has not begun has none."""
    if row.job.start_time is not None or row.resumed_step:
        schedule_checkpoints(session, row, now)


def _datasets(config: ExperimentConfig) -> tuple[str | None, ...]:
    return (config.dataset, config.validation_dataset)
