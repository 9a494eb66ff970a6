"""Evaluations of a tenant, for their owners. Workers use `queue` and `answer_batches`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import and_, select
from sqlalchemy.orm import Session, contains_eager, defer

from foreword.domain.evaluation import (
    AnswerRowsFile,
    Evaluation,
    EvaluationConfig,
    EvaluationProgress,
    EvaluationResults,
)
from foreword.domain.job import WORK_KEPT, JobKind, JobState
from foreword.domain.resource_view import ResourceView
from foreword.names import EvaluationName
from foreword.storage.artifacts.deletions import note_deletion
from foreword.storage.artifacts.keys import answer_batches_key
from foreword.storage.codec import decode, encode
from foreword.storage.database import Database
from foreword.storage.jobs.leases import is_worker_at_work, new_job
from foreword.storage.lists.list_specs import EVALUATIONS
from foreword.storage.lists.pages import Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.repositories.job_resources import (
    JobResource,
    JobResources,
    current_progress,
    find_job_row,
    job_values,
)
from foreword.storage.repositories.requests import RequestKey
from foreword.storage.tables import AnswerBatchRow, DatasetRow, EvaluationRow, JobRow

EVALUATION_RESOURCE: Final = JobResource(
    kind=JobKind.EVALUATE,
    row=EvaluationRow,
    name=EvaluationName,
    id_field="evaluation_id",
    reason="EVALUATION",
    listed=EVALUATIONS,
)

_ROWS_AT_ONCE: Final = 50


class EvaluationRepository(JobResources[EvaluationRow, Evaluation]):
    """The evaluations of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        super().__init__(database, tenant, EVALUATION_RESOURCE)

    def create(
        self,
        *,
        display_name: str,
        description: str,
        config: EvaluationConfig,
        estimated_seconds: float,
        creator: str,
        max_queued: int,
        id: str | None = None,
        request: RequestKey | None = None,
    ) -> Evaluation:
        """Queue an evaluation. The first free suffix of ` (1)`, ` (2)`, ... is appended to its display name.

        Args:
            max_queued: Maximum number of queued evaluations of the tenant.

        Raises:
            InvalidArgumentError: The id is invalid.
            NotFoundError: The tenant, a dataset or the evaluation of a replayed request does not exist.
            AlreadyExistsError: The id is taken, or the request id was already used with other content.
            ExhaustedError: The tenant has too many evaluations queued.
        """
        return self._create(
            lambda key, name, now: new_evaluation(
                self._tenant,
                key,
                display_name=name,
                description=description,
                config=config,
                estimated_seconds=estimated_seconds,
                creator=creator,
                now=now,
            ),
            display_name=display_name,
            description=description,
            datasets=(config.dataset, config.examples_dataset),
            estimated_seconds=estimated_seconds,
            max_queued=max_queued,
            id=id,
            request=request,
        )

    def get(self, id: str) -> Evaluation:
        """Return an evaluation with its results.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        with self._database.read() as session:
            return to_evaluation(self._require(session, id), self._database.clock(session))

    def get_without_results(self, id: str) -> Evaluation:
        """Return an evaluation without its results, which are up to 1 MiB to read and decode.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        with self._database.read() as session:
            row = self._require(session, id, options=[defer(EvaluationRow.results)])
            return to_evaluation(row, self._database.clock(session), with_results=False)

    def newest_on_rows(self, content_sha256: str, creator: str | None = None) -> str | None:
        """Return the id of the newest evaluation on a dataset with this content; None if there is none.

        Args:
            creator: Only its evaluations; None for those of any key.
        """
        query = (
            select(EvaluationRow.id)
            .join(DatasetRow, and_(DatasetRow.tenant == EvaluationRow.tenant, DatasetRow.id == EvaluationRow.dataset))
            .where(EvaluationRow.tenant == self._tenant, DatasetRow.content_sha256 == content_sha256)
            .order_by(EvaluationRow.create_time.desc())
            .limit(1)
        )
        if creator is not None:
            query = query.where(EvaluationRow.creator == creator)
        with self._database.read() as session:
            return session.scalars(query).one_or_none()

    def list(self, request: ListRequest = FIRST_PAGE, *, take: Take[Evaluation] = take_any) -> Page[Evaluation]:
        """List evaluations, by default newest first; the basic view leaves out results.

        Args:
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        full = request.view is ResourceView.FULL
        return self._list(
            request,
            take,
            lambda _, rows, now: (to_evaluation(row, now, with_results=full) for row in rows),
            () if full else [defer(EvaluationRow.results)],
        )

    def find_newest(self, dataset: str, decides: Callable[[EvaluationConfig], bool]) -> Evaluation | None:
        """Return the newest evaluation on a dataset that has succeeded and has a wanted configuration, if there is one.

        Args:
            decides: Whether a configuration is wanted.
        """
        with self._database.read() as session:
            rows = session.scalars(
                select(EvaluationRow)
                .join(EvaluationRow.job)
                .options(contains_eager(EvaluationRow.job), defer(EvaluationRow.results))
                .where(
                    EvaluationRow.tenant == self._tenant,
                    EvaluationRow.dataset == dataset,
                    JobRow.state == JobState.SUCCEEDED.value,
                )
                .order_by(EvaluationRow.key.desc())
                .execution_options(yield_per=_ROWS_AT_ONCE)
            )
            found = next((row for row in rows if decides(decode(EvaluationConfig, row.config))), None)
            rows.close()  # before the results are read on the same connection
            return None if found is None else to_evaluation(found, self._database.clock(session))

    def _item(self, row: EvaluationRow, now: datetime) -> Evaluation:
        return to_evaluation(row, now)

    def _files(self, row: EvaluationRow) -> tuple[str, ...]:
        batches = answer_batches_key(row.tenant, row.id, row.create_time)
        return (batches,) if row.rows_file is None else (batches, decode(AnswerRowsFile, row.rows_file).artifact)

    def _needs_worker(self, session: Session, row: EvaluationRow, now: datetime) -> bool:
        has_answers = select(AnswerBatchRow.number).where(AnswerBatchRow.evaluation_key == row.key).limit(1)
        return is_worker_at_work(session, now) and session.scalars(has_answers).first() is not None

    def _cancelled(self, session: Session, row: EvaluationRow, now: datetime) -> None:
        if row.job.start_time is not None or row.resumed_count:
            schedule_answers(session, row, now)


def new_evaluation(
    tenant: str,
    id: str,
    *,
    display_name: str,
    description: str,
    config: EvaluationConfig,
    estimated_seconds: float,
    creator: str,
    now: datetime,
) -> EvaluationRow:
    """Return the row of a queued evaluation with its job."""
    base_model, *others = config.base_models
    return EvaluationRow(
        tenant=tenant,
        id=id,
        display_name=display_name,
        description=description,
        dataset=config.dataset,
        examples_dataset=config.examples_dataset,
        config=encode(EvaluationConfig, config, "evaluation"),
        estimated_seconds=estimated_seconds,
        progress=encode(EvaluationProgress, EvaluationProgress()),
        results=encode(EvaluationResults, EvaluationResults()),
        rows_file=None,
        creator=creator,
        create_time=now,
        retry_of=None,
        resumed_count=0,
        job=new_job(JobKind.EVALUATE, base_model=base_model, tuning_type="", runs_alone=bool(others), now=now),
    )


def schedule_answers(session: Session, evaluation: Evaluation | EvaluationRow, now: datetime) -> None:
    """Schedule the deletion of the answers of an evaluation that ends without success, which a retry can take over."""
    prefix = answer_batches_key(evaluation.tenant, evaluation.id, evaluation.create_time)
    note_deletion(session, evaluation.tenant, prefix, now + WORK_KEPT)


def find_evaluation(session: Session, tenant: str, id: str) -> EvaluationRow | None:
    """Return the row of an evaluation with its job; None if it does not exist. See `find_job_row`."""
    return find_job_row(session, EvaluationRow, tenant, id)


def to_evaluation(row: EvaluationRow, now: datetime, *, with_results: bool = True) -> Evaluation:
    """Convert a row to an evaluation.

    Args:
        now: The database's time.
        with_results: Whether to include the results.
    """
    values = job_values(row.job, now)
    return Evaluation(
        **values,
        tenant=row.tenant,
        id=row.id,
        display_name=row.display_name,
        description=row.description,
        config=decode(EvaluationConfig, row.config),
        estimated_seconds=row.estimated_seconds,
        progress=current_progress(EvaluationProgress, row.progress, values),
        results=decode(EvaluationResults, row.results) if with_results else EvaluationResults(),
        rows=None if row.rows_file is None else decode(AnswerRowsFile, row.rows_file),
        creator=row.creator,
        create_time=row.create_time,
        retry_of=row.retry_of,
        resumed_count=row.resumed_count,
    )
