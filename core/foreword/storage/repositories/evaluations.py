"""Evaluations of a tenant, for their owners. Workers use `queue` and `answer_batches`."""

from __future__ import annotations

from collections.abc import Callable
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
from foreword.domain.failure import Failure
from foreword.domain.job import JobKind, JobState
from foreword.domain.resource_view import ResourceView
from foreword.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError
from foreword.names import EvaluationName, check_id
from foreword.storage.artifacts.deletions import note_deletion
from foreword.storage.artifacts.keys import answer_batches_key
from foreword.storage.codec import decode, encode
from foreword.storage.database import Database
from foreword.storage.jobs.admission import check_room, free_name
from foreword.storage.jobs.leases import lock_job, new_job
from foreword.storage.jobs.transitions import request_cancel
from foreword.storage.lists.list_specs import EVALUATIONS
from foreword.storage.lists.pages import ListReader, Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.repositories.datasets import require_dataset
from foreword.storage.repositories.requests import RequestKey, deleted_since, find_replay, remember
from foreword.storage.repositories.tenants import require_tenant
from foreword.storage.tables import DatasetRow, EvaluationRow, JobRow
from foreword.storage.texts import check_texts

_ROWS_AT_ONCE: Final = 50


class EvaluationRepository:
    """The evaluations of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

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
        check_texts(display_name=display_name, description=description)
        if id is not None:
            check_id(id, "evaluation_id")
        with self._database.write_tenant(self._tenant) as session:
            made = self._made(session, request)
            if made is not None:
                return made
            require_tenant(session, self._tenant)
            for dataset in (config.dataset, config.examples_dataset):
                if dataset is not None:
                    require_dataset(session, self._tenant, dataset)
            check_room(session, JobKind.EVALUATE, self._tenant, max_queued, estimated_seconds)
            id = id or self._database.new_id()
            if find_evaluation(session, self._tenant, id) is not None:
                name = str(EvaluationName(self._tenant, id))
                raise AlreadyExistsError(f"{name} already exists. Choose another id.", metadata={"resource": name})
            now = self._database.clock(session)
            base_model, *others = config.base_models
            row = EvaluationRow(
                tenant=self._tenant,
                id=id,
                display_name=free_name(session, EvaluationRow, self._tenant, display_name),
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
                job=new_job(JobKind.EVALUATE, base_model=base_model, tuning_type="", runs_alone=bool(others), now=now),
            )
            session.add(row)
            remember(session, self._tenant, request, id, now)
            return to_evaluation(row)

    def find_replayed(self, request: RequestKey | None) -> Evaluation | None:
        """Return the evaluation that an earlier request with the same id created; None if the request is new.

        Raises:
            NotFoundError: The evaluation has been deleted since.
            AlreadyExistsError: The request id was already used with other content.
        """
        if request is None:
            return None
        with self._database.read() as session:
            return self._made(session, request)

    def get(self, id: str) -> Evaluation:
        """Return an evaluation with its results.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        with self._database.read() as session:
            return to_evaluation(_require(session, self._tenant, id))

    def get_without_results(self, id: str) -> Evaluation:
        """Return an evaluation without its results, which are up to 1 MiB to read and decode.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        query = select(EvaluationRow).join(EvaluationRow.job).options(
            contains_eager(EvaluationRow.job), defer(EvaluationRow.results)
        )  # fmt: skip
        with self._database.read() as session:
            row = session.scalars(
                query.where(EvaluationRow.tenant == self._tenant, EvaluationRow.id == id)
            ).one_or_none()
            if row is None:
                raise NotFoundError.of(str(EvaluationName(self._tenant, id)))
            return to_evaluation(row, with_results=False)

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
        return ListReader(
            database=self._database,
            spec=EVALUATIONS,
            tenant=self._tenant,
            conditions=[EvaluationRow.tenant == self._tenant],
            options=() if full else [defer(EvaluationRow.results)],
            convert=lambda _, rows: (to_evaluation(row, with_results=full) for row in rows),
        ).read(request, take)

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
            return None if found is None else to_evaluation(found)

    def request_cancel(self, id: str) -> Evaluation:
        """Request the cancellation of an evaluation.

        One that no worker holds is cancelled at once. A running one is cancelled by its worker.

        Raises:
            NotFoundError: It does not exist in the tenant.
            FailedPreconditionError: It has already succeeded or failed.
        """
        with self._database.write_tenant(self._tenant) as session:
            row = _require(session, self._tenant, id, for_update=True)
            state = JobState(row.job.state)
            if state in (JobState.SUCCEEDED, JobState.FAILED):
                raise _ended(self._tenant, id, state)
            now = self._database.clock(session)
            if request_cancel(row.job, now):
                note_deletion(session, self._tenant, answer_batches_key(self._tenant, id, row.create_time), now)
            return to_evaluation(row)

    def delete(self, id: str) -> tuple[str, ...]:
        """Delete an evaluation that has ended, with its rows.

        Returns:
            The prefixes of its files in the artifact store, scheduled for deletion by `ArtifactDeletions`.

        Raises:
            NotFoundError: It does not exist in the tenant.
            FailedPreconditionError: It has not ended.
        """
        with self._database.write_tenant(self._tenant) as session:
            row = _require(session, self._tenant, id, for_update=True)
            state = JobState(row.job.state)
            if not state.ended:
                name = str(EvaluationName(self._tenant, id))
                raise FailedPreconditionError(
                    f"{name} is {state.value}. Cancel it and wait until it has ended, then delete it.",
                    reason="EVALUATION_ACTIVE",
                    metadata={"resource": name, "state": state.value},
                )
            files = [answer_batches_key(self._tenant, id, row.create_time)]
            if row.rows_file is not None:
                files.append(decode(AnswerRowsFile, row.rows_file).artifact)
            session.delete(row)
            for prefix in files:
                note_deletion(session, self._tenant, prefix, self._database.clock(session))
            return tuple(files)

    def _made(self, session: Session, request: RequestKey | None) -> Evaluation | None:
        replay = find_replay(session, self._tenant, request)
        if replay is None:
            return None
        row = find_evaluation(session, self._tenant, replay.resource)
        if row is None or not replay.made(row.create_time):
            raise deleted_since(str(EvaluationName(self._tenant, replay.resource)))
        return to_evaluation(row)


def find_evaluation(session: Session, tenant: str, id: str) -> EvaluationRow | None:
    """Return the row of an evaluation with its job; None if it does not exist.

    Whoever wants to change it locks the job before, so that the row is read as its last writer left it.
    """
    return session.scalars(
        select(EvaluationRow)
        .join(EvaluationRow.job)
        .options(contains_eager(EvaluationRow.job))
        .where(EvaluationRow.tenant == tenant, EvaluationRow.id == id)
    ).one_or_none()


def to_evaluation(row: EvaluationRow, *, with_results: bool = True) -> Evaluation:
    """Convert a row to an evaluation.

    Args:
        with_results: Whether to include the results.
    """
    job = row.job
    return Evaluation(
        tenant=row.tenant,
        id=row.id,
        display_name=row.display_name,
        description=row.description,
        config=decode(EvaluationConfig, row.config),
        estimated_seconds=row.estimated_seconds,
        state=JobState(job.state),
        failure=None if job.failure is None else decode(Failure, job.failure),
        progress=decode(EvaluationProgress, row.progress),
        results=decode(EvaluationResults, row.results) if with_results else EvaluationResults(),
        rows=None if row.rows_file is None else decode(AnswerRowsFile, row.rows_file),
        compute_seconds=job.compute_seconds,
        creator=row.creator,
        create_time=row.create_time,
        update_time=job.update_time,
        start_time=job.start_time,
        end_time=job.end_time,
    )


def _require(session: Session, tenant: str, id: str, *, for_update: bool = False) -> EvaluationRow:
    if for_update:
        lock_job(session, JobKind.EVALUATE, tenant, id)
    row = find_evaluation(session, tenant, id)
    if row is None:
        raise NotFoundError.of(str(EvaluationName(tenant, id)))
    return row


def _ended(tenant: str, id: str, state: JobState) -> FailedPreconditionError:
    name = str(EvaluationName(tenant, id))
    return FailedPreconditionError(
        f"{name} has already {state.value} and cannot be cancelled. Delete it if you do not need it.",
        reason="EVALUATION_ENDED",
        metadata={"resource": name, "state": state.value},
    )
