"""Retries: new experiments that repeat those that have failed or were cancelled."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, insert, literal, select
from sqlalchemy.orm import Session

from foreword.domain.experiment import ExperimentConfig, TuneExperiment, TunePlan
from foreword.domain.job import JobKind
from foreword.errors import FailedPreconditionError
from foreword.names import TuneExperimentName, TuneSweepName, check_id
from foreword.storage.artifacts.deletions import drop_note
from foreword.storage.artifacts.keys import checkpoints_key
from foreword.storage.codec import decode
from foreword.storage.database import Database
from foreword.storage.jobs.admission import check_room, free_name, without_number
from foreword.storage.repositories.experiments import EXPERIMENT_RESOURCE, new_experiment, to_experiment
from foreword.storage.repositories.job_resources import check_id_is_free, find_made
from foreword.storage.repositories.repeatable import check_datasets, check_failed_or_cancelled, require_repeatable
from foreword.storage.repositories.requests import RequestKey, remember
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
            made = find_made(session, EXPERIMENT_RESOURCE, self._tenant, request)
            if made is not None:
                return to_experiment(made, self._database.clock(session))
            row = require_repeatable(session, EXPERIMENT_RESOURCE, self._tenant, first)
            self._check(session, row)
            plan = decode(TunePlan, row.plan)
            now = self._database.clock(session)
            check_room(session, JobKind.TUNE, self._tenant, max_queued, plan.estimated_seconds, now)
            check_id_is_free(session, EXPERIMENT_RESOURCE, self._tenant, id)
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
            self._check(session, require_repeatable(session, EXPERIMENT_RESOURCE, self._tenant, first, lock=False))

    def _check(self, session: Session, row: ExperimentRow) -> None:
        name = str(TuneExperimentName(self._tenant, row.id))
        if row.sweep is not None:
            sweep = str(TuneSweepName(self._tenant, row.sweep))
            raise FailedPreconditionError(
                f"{name} is a trial of {sweep}, whose result depends on all of its trials. Create the sweep again, or "
                "an experiment with the values of the trial.",
                reason="TRIAL_OF_SWEEP",
                metadata={"resource": sweep},
            )
        check_failed_or_cancelled(EXPERIMENT_RESOURCE, row)
        config = decode(ExperimentConfig, row.config)
        check_datasets(session, EXPERIMENT_RESOURCE, row, (config.dataset, config.validation_dataset))


def _copy_curve(session: Session, row: ExperimentRow, new: ExperimentRow) -> None:
    """Copy the points of a learning curve up to the step from which a retry continues."""
    points = SnapshotRow.experiment_key == row.key, SnapshotRow.step <= new.resumed_step
    copied = select(
        literal(new.key), SnapshotRow.sequence, SnapshotRow.tenant, SnapshotRow.step, SnapshotRow.point
    ).where(*points)
    session.execute(insert(SnapshotRow).from_select(["experiment_key", "sequence", "tenant", "step", "point"], copied))
    new.last_sequence = session.scalars(select(func.max(SnapshotRow.sequence)).where(*points)).one() or 0
