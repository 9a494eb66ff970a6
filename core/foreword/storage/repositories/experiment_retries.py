"""Retries: new experiments that repeat those that have failed or were cancelled."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, insert, literal, select
from sqlalchemy.orm import Session

from foreword.domain.experiment import ExperimentConfig, TuneExperiment, TunePlan
from foreword.domain.job import JobKind, JobState
from foreword.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError
from foreword.names import DatasetName, TuneExperimentName, TuneSweepName, check_id
from foreword.storage.artifacts.deletions import drop_note
from foreword.storage.artifacts.keys import checkpoints_key
from foreword.storage.codec import decode
from foreword.storage.database import Database
from foreword.storage.jobs.admission import check_room, free_name, without_number
from foreword.storage.jobs.leases import lock_job
from foreword.storage.repositories.datasets import require_dataset
from foreword.storage.repositories.experiments import find_experiment, new_experiment, to_experiment
from foreword.storage.repositories.requests import RequestKey, deleted_since, find_replay, remember
from foreword.storage.tables import ExperimentRow, SnapshotRow


class ExperimentRetries:
    """The retries of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def create(
        self,
        first: str,
        *,
        id: str,
        create_time: datetime,
        resumed_step: int,
        creator: str,
        max_queued: int,
        request: RequestKey | None = None,
    ) -> TuneExperiment:
        """Queue an experiment with the configuration, the plan, the description and the tags of another one.

        Args:
            first: Id of the experiment to repeat, which stays as it is.
            id: Id of the new one.
            create_time: Its creation time, which is part of the key of its checkpoints.
            resumed_step: Number of updates of the checkpoint under that key; 0 if there is none. The points of the
                learning curve up to that step are taken over.
            max_queued: Maximum number of queued experiments of the tenant.

        Raises:
            InvalidArgumentError: The id is invalid.
            NotFoundError: The experiment, or that of a replayed request, does not exist.
            FailedPreconditionError: It cannot be repeated.
            AlreadyExistsError: The id is taken, or the request id was already used with other content.
            ExhaustedError: The tenant has too many experiments queued.
        """
        check_id(id, "tune_experiment_id")
        with self._database.write_tenant(self._tenant) as session:
            replay = find_replay(session, self._tenant, request)
            if replay is not None:
                made = find_experiment(session, self._tenant, replay.resource)
                if made is None or not replay.made(made.create_time):
                    raise deleted_since(self._name(replay.resource))
                return to_experiment(made, self._database.clock(session))
            row = self._require(session, first)
            self._check(session, row)
            plan = decode(TunePlan, row.plan)
            check_room(session, JobKind.TUNE, self._tenant, max_queued, plan.estimated_seconds)
            if find_experiment(session, self._tenant, id) is not None:
                name = self._name(id)
                raise AlreadyExistsError(f"{name} already exists. Choose another id.", metadata={"resource": name})
            now = self._database.clock(session)
            new = new_experiment(
                self._tenant,
                id,
                display_name=free_name(session, ExperimentRow, self._tenant, without_number(row.display_name)),
                description=row.description,
                config=decode(ExperimentConfig, row.config),
                plan=plan,
                creator=creator,
                now=now,
                tags=row.tags or {},
            )
            new.create_time, new.retry_of, new.resumed_step = create_time, first, resumed_step
            session.add(new)
            session.flush()
            _copy_curve(session, row, new)
            drop_note(session, checkpoints_key(self._tenant, id, create_time))
            remember(session, self._tenant, request, id, now)
            return to_experiment(new, now)

    def check(self, first: str) -> None:
        """Check that an experiment can be repeated, before its checkpoint is copied.

        Raises:
            NotFoundError: It does not exist in the tenant.
            FailedPreconditionError: It cannot be repeated.
        """
        with self._database.read() as session:
            row = find_experiment(session, self._tenant, first)
            if row is None:
                raise NotFoundError.of(self._name(first))
            self._check(session, row)

    def _require(self, session: Session, id: str) -> ExperimentRow:
        lock_job(session, JobKind.TUNE, self._tenant, id)
        row = find_experiment(session, self._tenant, id)
        if row is None:
            raise NotFoundError.of(self._name(id))
        return row

    def _check(self, session: Session, row: ExperimentRow) -> None:
        name, state = self._name(row.id), JobState(row.job.state)
        if row.sweep is not None:
            sweep = str(TuneSweepName(self._tenant, row.sweep))
            raise FailedPreconditionError(
                f"{name} is a trial of {sweep}, whose result depends on all of its trials. Create the sweep again, or "
                "an experiment with the values of the trial.",
                reason="TRIAL_OF_SWEEP",
                metadata={"resource": sweep},
            )
        if state is JobState.SUCCEEDED:
            raise FailedPreconditionError(
                f"{name} has succeeded, so there is nothing to retry. Create a new experiment to tune again.",
                reason="EXPERIMENT_SUCCEEDED",
                metadata={"resource": name, "state": state.value},
            )
        if not state.ended:
            raise FailedPreconditionError(
                f"{name} is {state.value}. Wait until it has ended, or cancel it, then retry it.",
                reason="EXPERIMENT_ACTIVE",
                metadata={"resource": name, "state": state.value},
            )
        config = decode(ExperimentConfig, row.config)
        for dataset in (config.dataset, config.validation_dataset):
            if dataset is not None:
                self._check_dataset(session, name, dataset)

    def _check_dataset(self, session: Session, name: str, id: str) -> None:
        try:
            require_dataset(session, self._tenant, id)
        except NotFoundError as error:
            dataset = str(DatasetName(self._tenant, id))
            raise FailedPreconditionError(
                f"{dataset}, on which {name} was tuned, has been deleted. Upload its rows again, and create a new "
                "experiment.",
                reason="DATASET_DELETED",
                metadata={"resource": dataset},
            ) from error

    def _name(self, id: str) -> str:
        return str(TuneExperimentName(self._tenant, id))


def _copy_curve(session: Session, row: ExperimentRow, new: ExperimentRow) -> None:
    """Copy the points of a learning curve up to the step from which a retry continues."""
    points = SnapshotRow.experiment_key == row.key, SnapshotRow.step <= new.resumed_step
    copied = select(
        literal(new.key), SnapshotRow.sequence, SnapshotRow.tenant, SnapshotRow.step, SnapshotRow.point
    ).where(*points)
    session.execute(insert(SnapshotRow).from_select(["experiment_key", "sequence", "tenant", "step", "point"], copied))
    new.last_sequence = session.scalars(select(func.max(SnapshotRow.sequence)).where(*points)).one() or 0
