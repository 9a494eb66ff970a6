"""Jobs whose cancellation was requested, and which no worker is left to end."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Final

from sqlalchemy import or_, select

from foreword.domain.job import JobKind, JobState
from foreword.errors import FailedPreconditionError, NotFoundError
from foreword.observability.logging import get_logger
from foreword.storage.database import Database
from foreword.storage.repositories.batch_jobs import BatchJobRepository
from foreword.storage.repositories.evaluations import EvaluationRepository
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.tables import JobRow

TIME_FOR_WORKERS: Final = timedelta(minutes=1)
"""Time in which another worker may take a job over and end it with what it has."""

_MOST: Final = 100
_log = get_logger("jobs")
_REPOSITORIES: Final[Mapping[JobKind, type[ExperimentRepository | EvaluationRepository | BatchJobRepository]]] = {
    JobKind.TUNE: ExperimentRepository,
    JobKind.EVALUATE: EvaluationRepository,
    JobKind.BATCH: BatchJobRepository,
}


class AbandonedJobs:
    """The cancellations of all tenants whose workers have died."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def end(self) -> None:
        """Cancel jobs that were to be cancelled by workers which have died. All servers may do so at the same time."""
        with self._database.read() as session:
            past = self._database.clock(session) - TIME_FOR_WORKERS
            unheld = or_(JobRow.lease_worker.is_(None), JobRow.lease_expire_time <= past)
            found = session.execute(
                select(JobRow.kind, JobRow.tenant, JobRow.resource)
                .where(JobRow.state == JobState.CANCELLING.value, JobRow.update_time <= past, unheld)
                .order_by(JobRow.key)
                .limit(_MOST)
            ).all()
        for kind, tenant, id in found:
            with suppress(NotFoundError, FailedPreconditionError):  # a worker has ended it meanwhile
                ended = _REPOSITORIES[JobKind(kind)](self._database, tenant).request_cancel(id)
                if ended.state is JobState.CANCELLED:
                    _log.info("abandoned_job_cancelled", tenant=tenant, kind=kind, id=id)
