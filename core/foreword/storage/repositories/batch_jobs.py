"""Batch jobs of a tenant, for their owners. Workers use `queue` and `batch_parts`."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foreword.domain.batch_job import AnswerSelection, BatchJob, BatchJobConfig, BatchJobPlan, BatchJobProgress
from foreword.domain.job import JobKind
from foreword.names import BatchJobName
from foreword.storage.artifacts.keys import batch_answers_key
from foreword.storage.codec import decode, encode
from foreword.storage.database import Database
from foreword.storage.jobs.leases import new_job
from foreword.storage.lists.list_specs import BATCH_JOBS
from foreword.storage.lists.pages import Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.repositories.batch_answers import BatchPart, to_part
from foreword.storage.repositories.job_resources import (
    JobResource,
    JobResources,
    current_progress,
    find_job_row,
    job_values,
)
from foreword.storage.repositories.requests import RequestKey
from foreword.storage.tables import BatchJobRow, BatchPartRow

BATCH_JOB_RESOURCE: Final = JobResource(
    kind=JobKind.BATCH,
    row=BatchJobRow,
    name=BatchJobName,
    id_field="batch_job_id",
    reason="BATCH_JOB",
    listed=BATCH_JOBS,
)


class BatchJobRepository(JobResources[BatchJobRow, BatchJob]):
    """The batch jobs of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        super().__init__(database, tenant, BATCH_JOB_RESOURCE)

    def create(
        self,
        *,
        display_name: str,
        description: str,
        config: BatchJobConfig,
        plan: BatchJobPlan,
        creator: str,
        max_queued: int,
        id: str | None = None,
        request: RequestKey | None = None,
    ) -> BatchJob:
        """Queue a batch job. The first free suffix of ` (1)`, ` (2)`, ... is appended to its display name.

        Args:
            max_queued: Maximum number of queued batch jobs of the tenant.

        Raises:
            InvalidArgumentError: The id is invalid.
            NotFoundError: The tenant, the dataset or the batch job of a replayed request does not exist.
            AlreadyExistsError: The id is taken, or the request id was already used with other content.
            ExhaustedError: The tenant has too many batch jobs queued.
        """
        return self._create(
            lambda key, name, now: new_batch_job(
                self._tenant,
                key,
                display_name=name,
                description=description,
                config=config,
                plan=plan,
                creator=creator,
                now=now,
            ),
            display_name=display_name,
            description=description,
            datasets=(config.dataset,),
            estimated_seconds=plan.estimated_seconds,
            max_queued=max_queued,
            id=id,
            request=request,
        )

    def get(self, id: str) -> BatchJob:
        """Return a batch job.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        with self._database.read() as session:
            return to_batch_job(self._require(session, id), self._database.clock(session))

    def list(self, request: ListRequest = FIRST_PAGE, *, take: Take[BatchJob] = take_any) -> Page[BatchJob]:
        """List batch jobs, by default newest first.

        Args:
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        return self._list(request, take, lambda _, rows, now: (to_batch_job(row, now) for row in rows))

    def parts(
        self, id: str, *, after_row: int, limit: int, selection: AnswerSelection = AnswerSelection.ALL
    ) -> tuple[BatchPart, ...]:
        """Return the stored parts with answers to rows after a row, in order; the first may have none.

        Args:
            selection: Leave out parts that are known to have no such row.
            limit: Maximum number of parts.

        Raises:
            NotFoundError: The batch job does not exist in the tenant.
        """
        with self._database.read() as session:
            row = self._require(session, id)
            of_job = BatchPartRow.batch_job_key == row.key
            # Numbers of rows have gaps, so that the last row of a part is not known here.
            begun = select(func.max(BatchPartRow.first_row)).where(of_job, BatchPartRow.first_row <= after_row)
            query = select(BatchPartRow).where(
                of_job, BatchPartRow.first_row >= func.coalesce(begun.scalar_subquery(), 0)
            )
            if selection is AnswerSelection.FAILED:
                query = query.where(BatchPartRow.failed_count > 0)
            elif selection is AnswerSelection.ABSTAINED:
                query = query.where(func.coalesce(BatchPartRow.abstained_count, 1) > 0)
            return tuple(map(to_part, session.scalars(query.order_by(BatchPartRow.first_row).limit(limit))))

    def _item(self, row: BatchJobRow, now: datetime) -> BatchJob:
        return to_batch_job(row, now)

    def _files(self, row: BatchJobRow) -> tuple[str, ...]:
        return (batch_answers_key(row.tenant, row.id, row.create_time),)


def new_batch_job(
    tenant: str,
    id: str,
    *,
    display_name: str,
    description: str,
    config: BatchJobConfig,
    plan: BatchJobPlan,
    creator: str,
    now: datetime,
) -> BatchJobRow:
    """Return the row of a queued batch job with its job."""
    return BatchJobRow(
        tenant=tenant,
        id=id,
        display_name=display_name,
        description=description,
        dataset=config.dataset,
        config=encode(BatchJobConfig, config, "batch_job"),
        plan=encode(BatchJobPlan, plan, "batch_job.plan"),
        progress=encode(BatchJobProgress, BatchJobProgress(total_count=plan.row_count)),
        creator=creator,
        create_time=now,
        retry_of=None,
        resumed_count=0,
        job=new_job(JobKind.BATCH, base_model=config.base_model, tuning_type="", runs_alone=False, now=now),
    )


def find_batch_job(session: Session, tenant: str, id: str) -> BatchJobRow | None:
    """Return the row of a batch job with its job; None if it does not exist. See `find_job_row`."""
    return find_job_row(session, BatchJobRow, tenant, id)


def to_batch_job(row: BatchJobRow, now: datetime) -> BatchJob:
    """Convert a row to a batch job.

    Args:
        now: The database's time.
    """
    values = job_values(row.job, now)
    return BatchJob(
        **values,
        tenant=row.tenant,
        id=row.id,
        display_name=row.display_name,
        description=row.description,
        config=decode(BatchJobConfig, row.config),
        plan=decode(BatchJobPlan, row.plan),
        progress=current_progress(BatchJobProgress, row.progress, values),
        creator=row.creator,
        create_time=row.create_time,
        retry_of=row.retry_of,
        resumed_count=row.resumed_count,
    )
