"""Retries of evaluations and batch jobs: new ones that take over the answers of those that failed or were cancelled."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from foreword.domain.batch_job import BatchJob, BatchJobConfig, BatchJobPlan, BatchJobProgress
from foreword.domain.evaluation import Evaluation, EvaluationConfig, EvaluationProgress
from foreword.names import check_id
from foreword.storage.artifacts.deletions import drop_note
from foreword.storage.artifacts.keys import answer_batches_key, batch_answers_key
from foreword.storage.codec import decode, encode
from foreword.storage.database import Database
from foreword.storage.jobs.admission import check_room, free_name, without_number
from foreword.storage.repositories.batch_jobs import BATCH_JOB_RESOURCE, new_batch_job, to_batch_job
from foreword.storage.repositories.evaluations import EVALUATION_RESOURCE, new_evaluation, to_evaluation
from foreword.storage.repositories.job_resources import Item, JobResource, check_id_is_free, find_made
from foreword.storage.repositories.repeatable import check_datasets, check_failed_or_cancelled, require_repeatable
from foreword.storage.repositories.requests import RequestKey, remember
from foreword.storage.tables import AnswerBatchRow, BatchJobRow, BatchPartRow, EvaluationRow

R = TypeVar("R", EvaluationRow, BatchJobRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswers:
    """A file of answers that a retry may take over.

    Attributes:
        place: Its place: the system and the number of an evaluation's batch; 0 and the first row of a batch job's part.
        sha256: SHA-256 of the file, in hexadecimal.
        seconds: Compute time of an evaluation's batch.
        failed_count: Number of rows of a batch job's part that have an error.
        abstained_count: Number of those that abstained; None if it was not counted.
    """

    place: tuple[int, int]
    artifact: str
    sha256: str
    row_count: int
    seconds: float = 0.0
    failed_count: int = 0
    abstained_count: int | None = None


class AnswerRetries(Generic[R, Item]):
    """The retries of one kind of one tenant. Each kind has a subclass."""

    resource: JobResource[R]

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def kept(self, first: str) -> Sequence[KeptAnswers]:
        """Check that a resource can be repeated, and return its answers in the order of the rows.

        Their files may have been deleted since.

        Raises:
            NotFoundError: It does not exist in the tenant.
            FailedPreconditionError: It cannot be repeated.
        """
        with self._database.read() as session:
            row = require_repeatable(session, self.resource, self._tenant, first, lock=False)
            self._check(session, row)
            return self._answers(session, row)

    @abstractmethod
    def prefix(self, id: str, create_time: datetime) -> str:
        """Return the prefix of the files of answers of a resource."""

    def create(
        self,
        first: str,
        *,
        id: str,
        create_time: datetime,
        answers: Sequence[KeptAnswers],
        creator: str,
        max_queued: int,
        request: RequestKey | None = None,
    ) -> Item:
        """Queue a resource with the configuration and the description of another one.

        Args:
            first: Id of the resource to repeat, which stays as it is.
            id: Id of the new one.
            create_time: Its creation time, which is part of its prefix.
            answers: The answers that it takes over, below that prefix.
            max_queued: Maximum number of queued jobs of the kind.

        Raises:
            InvalidArgumentError: The id is invalid.
            NotFoundError: The resource, or that of a replayed request, does not exist.
            FailedPreconditionError: It cannot be repeated.
            AlreadyExistsError: The id is taken, or the request id was already used with other content.
            ExhaustedError: The tenant has too many jobs of the kind queued.
        """
        check_id(id, self.resource.id_field)
        with self._database.write_tenant(self._tenant) as session:
            now = self._database.clock(session)
            made = find_made(session, self.resource, self._tenant, request)
            if made is not None:
                return self._item(made, now)
            row = require_repeatable(session, self.resource, self._tenant, first)
            self._check(session, row)
            check_room(session, self.resource.kind, self._tenant, max_queued, self._estimated_seconds(row), now)
            check_id_is_free(session, self.resource, self._tenant, id)
            name = free_name(session, self.resource.row, self._tenant, without_number(row.display_name))
            new = self._repeated(row, id, display_name=name, creator=creator, now=now)
            new.create_time, new.retry_of = create_time, first
            new.resumed_count = sum(item.row_count for item in answers)
            new.progress = self._progress(row, new, answers)
            session.add(new)
            session.flush()
            session.add_all(self._taken_over(new, item) for item in answers)
            drop_note(session, self.prefix(id, create_time))
            remember(session, self._tenant, request, id, now)
            return self._item(new, now)

    def _check(self, session: Session, row: R) -> None:
        check_failed_or_cancelled(self.resource, row)
        check_datasets(session, self.resource, row, self._datasets(row))

    @abstractmethod
    def _answers(self, session: Session, row: R) -> Sequence[KeptAnswers]:
        """Return the answers of a resource in the order of the rows."""

    @abstractmethod
    def _datasets(self, row: R) -> tuple[str | None, ...]:
        """Return the ids of the datasets that a resource needs."""

    @abstractmethod
    def _estimated_seconds(self, row: R) -> float:
        """Return the estimated time of a resource in seconds."""

    @abstractmethod
    def _repeated(self, row: R, id: str, *, display_name: str, creator: str, now: datetime) -> R:
        """Return the row of a resource that repeats another one."""

    @abstractmethod
    def _progress(self, row: R, new: R, answers: Sequence[KeptAnswers]) -> dict[str, Any]:
        """Return the stored progress of a resource that has taken answers over."""

    @abstractmethod
    def _taken_over(self, new: R, item: KeptAnswers) -> AnswerBatchRow | BatchPartRow:
        """Return the row for answers that a resource has taken over."""

    @abstractmethod
    def _item(self, row: R, now: datetime) -> Item:
        """Convert a row."""


class EvaluationRetries(AnswerRetries[EvaluationRow, Evaluation]):
    """The retries of evaluations of one tenant."""

    resource = EVALUATION_RESOURCE

    def prefix(self, id: str, create_time: datetime) -> str:
        """Return the prefix of the batches of an evaluation."""
        return answer_batches_key(self._tenant, id, create_time)

    def _answers(self, session: Session, row: EvaluationRow) -> Sequence[KeptAnswers]:
        batches = select(AnswerBatchRow).where(AnswerBatchRow.evaluation_key == row.key)
        return [
            KeptAnswers(
                place=(item.system, item.number),
                artifact=item.artifact,
                sha256=item.sha256,
                row_count=item.row_count,
                seconds=item.seconds,
            )
            for item in session.scalars(batches.order_by(AnswerBatchRow.number, AnswerBatchRow.system))
        ]

    def _datasets(self, row: EvaluationRow) -> tuple[str | None, ...]:
        return (row.dataset, row.examples_dataset)

    def _estimated_seconds(self, row: EvaluationRow) -> float:
        return row.estimated_seconds

    def _repeated(
        self, row: EvaluationRow, id: str, *, display_name: str, creator: str, now: datetime
    ) -> EvaluationRow:
        return new_evaluation(
            self._tenant,
            id,
            display_name=display_name,
            description=row.description,
            config=decode(EvaluationConfig, row.config),
            estimated_seconds=row.estimated_seconds,
            creator=creator,
            now=now,
        )

    def _progress(self, row: EvaluationRow, new: EvaluationRow, answers: Sequence[KeptAnswers]) -> dict[str, Any]:
        total = decode(EvaluationProgress, row.progress).total_count
        done = min(new.resumed_count, total)
        percent = 100.0 * done / max(1, total)
        stored: dict[str, Any] = encode(
            EvaluationProgress, EvaluationProgress(percent=percent, answered_count=done, total_count=total)
        )
        return stored

    def _taken_over(self, new: EvaluationRow, item: KeptAnswers) -> AnswerBatchRow:
        system, number = item.place
        return AnswerBatchRow(
            evaluation_key=new.key,
            system=system,
            number=number,
            tenant=new.tenant,
            artifact=item.artifact,
            sha256=item.sha256,
            row_count=item.row_count,
            seconds=item.seconds,
        )

    def _item(self, row: EvaluationRow, now: datetime) -> Evaluation:
        return to_evaluation(row, now)


class BatchJobRetries(AnswerRetries[BatchJobRow, BatchJob]):
    """The retries of batch jobs of one tenant."""

    resource = BATCH_JOB_RESOURCE

    def prefix(self, id: str, create_time: datetime) -> str:
        """Return the prefix of the parts of a batch job."""
        return batch_answers_key(self._tenant, id, create_time)

    def _answers(self, session: Session, row: BatchJobRow) -> Sequence[KeptAnswers]:
        parts = select(BatchPartRow).where(BatchPartRow.batch_job_key == row.key).order_by(BatchPartRow.first_row)
        return [
            KeptAnswers(
                place=(0, item.first_row),
                artifact=item.artifact,
                sha256=item.sha256,
                row_count=item.row_count,
                failed_count=item.failed_count,
                abstained_count=item.abstained_count,
            )
            for item in session.scalars(parts)
        ]

    def _datasets(self, row: BatchJobRow) -> tuple[str | None, ...]:
        return (row.dataset,)

    def _estimated_seconds(self, row: BatchJobRow) -> float:
        return decode(BatchJobPlan, row.plan).estimated_seconds

    def _repeated(self, row: BatchJobRow, id: str, *, display_name: str, creator: str, now: datetime) -> BatchJobRow:
        return new_batch_job(
            self._tenant,
            id,
            display_name=display_name,
            description=row.description,
            config=decode(BatchJobConfig, row.config),
            plan=decode(BatchJobPlan, row.plan),
            creator=creator,
            now=now,
        )

    def _progress(self, row: BatchJobRow, new: BatchJobRow, answers: Sequence[KeptAnswers]) -> dict[str, Any]:
        before = decode(BatchJobProgress, new.progress)
        stored: dict[str, Any] = encode(
            BatchJobProgress,
            dataclasses.replace(
                before,
                percent=100.0 * new.resumed_count / max(1, before.total_count),
                answered_count=new.resumed_count,
                failed_count=sum(item.failed_count for item in answers),
            ),
        )
        return stored

    def _taken_over(self, new: BatchJobRow, item: KeptAnswers) -> BatchPartRow:
        return BatchPartRow(
            batch_job_key=new.key,
            first_row=item.place[1],
            tenant=new.tenant,
            artifact=item.artifact,
            sha256=item.sha256,
            row_count=item.row_count,
            failed_count=item.failed_count,
            abstained_count=item.abstained_count,
        )

    def _item(self, row: BatchJobRow, now: datetime) -> BatchJob:
        return to_batch_job(row, now)
