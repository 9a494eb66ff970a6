"""What the repositories of all resources with a job have in common: experiments, evaluations and batch jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypedDict, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager

from foreword.domain.failure import Failure
from foreword.domain.job import JobKind, JobState
from foreword.domain.job_progress import P, waiting
from foreword.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError
from foreword.names import ResourceName, check_id
from foreword.storage.artifacts.deletions import note_deletion
from foreword.storage.codec import decode
from foreword.storage.database import Database
from foreword.storage.jobs.admission import check_room, free_name
from foreword.storage.jobs.leases import lock_job, wait_start
from foreword.storage.jobs.transitions import request_cancel
from foreword.storage.lists.list_specs import ListSpec
from foreword.storage.lists.pages import ListReader, Page, Take
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.datasets import require_dataset
from foreword.storage.repositories.requests import RequestKey, deleted_since, find_replay, remember
from foreword.storage.repositories.tenants import require_tenant
from foreword.storage.tables import BatchJobRow, EvaluationRow, ExperimentRow, JobRow
from foreword.storage.texts import check_texts


class JobValues(TypedDict):
    """The attributes that all resources with a job have from it."""

    state: JobState
    failure: Failure | None
    compute_seconds: float
    update_time: datetime
    start_time: datetime | None
    end_time: datetime | None
    wait_start_time: datetime | None


R = TypeVar("R", ExperimentRow, EvaluationRow, BatchJobRow)
Item = TypeVar("Item")

NewRow = Callable[[str, str, datetime], R]
"""Returns the row of a new resource with its job, from its id, its display name and the database's time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResource(Generic[R]):
    """A kind of resource that has a job.

    Attributes:
        row: Its table.
        name: Makes its resource name from the tenant and the id.
        id_field: The field of its id in the request that creates it.
        reason: Prefix of the reasons of its errors, such as `EXPERIMENT`.
        listed: Its list.
    """

    kind: JobKind
    row: type[R]
    name: Callable[[str, str], ResourceName]
    id_field: str
    reason: str
    listed: ListSpec[R]

    @property
    def noun(self) -> str:
        """What it is called in sentences."""
        return self.reason.lower().replace("_", " ")


class JobResources(Generic[R, Item]):
    """The resources of one kind of one tenant. Each kind has a subclass."""

    def __init__(self, database: Database, tenant: str, resource: JobResource[R]) -> None:
        self._database = database
        self._tenant = tenant
        self._resource: JobResource[R] = resource

    def find_replayed(self, request: RequestKey | None) -> Item | None:
        """Return the resource that an earlier request with the same id created; None if the request is new.

        `create` makes the same check in its transaction. Checking first answers a replay even if the resources it
        refers to have changed since, and without a new plan.

        Raises:
            NotFoundError: The resource has been deleted since.
            AlreadyExistsError: The request id was already used with other content.
        """
        if request is None:
            return None
        with self._database.read() as session:
            return self._made(session, request)

    def request_cancel(self, id: str) -> Item:
        """Request the cancellation of a job.

        One that no worker holds is cancelled at once, unless a worker at work is to keep what it has done. Any other is
        cancelled by its worker.

        Raises:
            NotFoundError: It does not exist in the tenant.
            FailedPreconditionError: It has already succeeded or failed.
        """
        with self._database.write_tenant(self._tenant) as session:
            row = self._require(session, id, for_update=True)
            state = JobState(row.job.state)
            if state in (JobState.SUCCEEDED, JobState.FAILED):
                name = self._name(id)
                raise FailedPreconditionError(
                    f"{name} has already {state.value} and cannot be cancelled. Delete it if you do not need it.",
                    reason=f"{self._resource.reason}_ENDED",
                    metadata={"resource": name, "state": state.value},
                )
            now = self._database.clock(session)
            if request_cancel(row.job, now, needs_worker=self._needs_worker(session, row, now)):
                self._cancelled(session, row, now)
            return self._item(row, now)

    def delete(self, id: str) -> tuple[str, ...]:
        """Delete a resource whose job has ended.

        Returns:
            The prefixes of its files in the artifact store, scheduled for deletion by `ArtifactDeletions`.

        Raises:
            NotFoundError: It does not exist in the tenant.
            FailedPreconditionError: It has not ended, or another resource needs it.
        """
        with self._database.write_tenant(self._tenant) as session:
            row = self._require(session, id, for_update=True)
            state = JobState(row.job.state)
            if not state.ended:
                name = self._name(id)
                raise FailedPreconditionError(
                    f"{name} is {state.value}. Cancel it and wait until it has ended, then delete it.",
                    reason=f"{self._resource.reason}_ACTIVE",
                    metadata={"resource": name, "state": state.value},
                )
            self._check_unneeded(session, row)
            files = self._files(row)
            session.delete(row)
            for prefix in files:
                note_deletion(session, self._tenant, prefix, self._database.clock(session))
            return files

    def _item(self, row: R, now: datetime) -> Item:
        """Convert a row that was just read, created or cancelled.

        Args:
            now: The database's time.
        """
        raise NotImplementedError

    def _files(self, row: R) -> tuple[str, ...]:
        """Return the prefixes of the files of a resource, those that its worker may have left included."""
        raise NotImplementedError

    def _needs_worker(self, session: Session, row: R, now: datetime) -> bool:
        """Return whether a worker is to end a job that is cancelled, to keep what it has done, and there is one."""
        return False

    def _cancelled(self, session: Session, row: R, now: datetime) -> None:
        """Called when a job was cancelled that no worker holds, so that none ends it."""

    def _check_unneeded(self, session: Session, row: R) -> None:
        """Raise FailedPreconditionError if another resource needs one that is to be deleted."""

    def _create(
        self,
        new_row: NewRow[R],
        *,
        display_name: str,
        description: str,
        datasets: Iterable[str | None],
        estimated_seconds: float,
        max_queued: int,
        id: str | None,
        request: RequestKey | None,
    ) -> Item:
        """Store a resource with its queued job, unless an earlier request with the same id has.

        The first free suffix of ` (1)`, ` (2)`, ... is appended to its display name.

        Args:
            datasets: Ids of the datasets that it refers to.
            estimated_seconds: Estimated time of the job; 0 if it is unknown.
            max_queued: Maximum number of queued jobs of the kind.
            id: Id; None to generate one.

        Raises:
            InvalidArgumentError: The id is invalid.
            NotFoundError: The tenant, a dataset or the resource of a replayed request does not exist.
            AlreadyExistsError: The id is taken, or the request id was already used with other content.
            ExhaustedError: The tenant has too many jobs of the kind queued.
        """
        check_texts(display_name=display_name, description=description)
        if id is not None:
            check_id(id, self._resource.id_field)
        with self._database.write_tenant(self._tenant) as session:
            made = self._made(session, request)
            if made is not None:
                return made
            require_tenant(session, self._tenant)
            for dataset in datasets:
                if dataset is not None:
                    require_dataset(session, self._tenant, dataset)
            check_room(
                session,
                self._resource.kind,
                self._tenant,
                max_queued,
                estimated_seconds,
                self._database.clock(session),
            )
            id = id or self._database.new_id()
            check_id_is_free(session, self._resource, self._tenant, id)
            now = self._database.clock(session)
            row = new_row(id, free_name(session, self._resource.row, self._tenant, display_name), now)
            session.add(row)
            remember(session, self._tenant, request, id, now)
            return self._item(row, now)

    def _list(
        self,
        request: ListRequest,
        take: Take[Item],
        convert: Callable[[Session, Sequence[R], datetime], Iterable[Item]],
        options: Sequence[Any] = (),
    ) -> Page[Item]:
        """Return a page of resources.

        Args:
            convert: Converts rows at the database's time.
        """
        return ListReader(
            database=self._database,
            spec=self._resource.listed,
            tenant=self._tenant,
            conditions=[self._resource.row.tenant == self._tenant],
            options=options,
            convert=lambda session, rows: convert(session, rows, self._database.clock(session)),
        ).read(request, take)

    def _require(self, session: Session, id: str, *, for_update: bool = False, options: Sequence[Any] = ()) -> R:
        """Return the row of a resource, with its job locked if it is to be changed.

        Args:
            options: As in `find_job_row`.
        """
        if for_update:
            lock_job(session, self._resource.kind, self._tenant, id)
        row = find_job_row(session, self._resource.row, self._tenant, id, options)
        if row is None:
            raise NotFoundError.of(self._name(id))
        return row

    def _made(self, session: Session, request: RequestKey | None) -> Item | None:
        row = find_made(session, self._resource, self._tenant, request)
        return None if row is None else self._item(row, self._database.clock(session))

    def _name(self, id: str) -> str:
        return str(self._resource.name(self._tenant, id))


def find_made(session: Session, resource: JobResource[R], tenant: str, request: RequestKey | None) -> R | None:
    """Return the row that an earlier request with the same id created; None if the request is new.

    Raises:
        NotFoundError: The resource has been deleted since.
        AlreadyExistsError: The request id was already used with other content.
    """
    replay = find_replay(session, tenant, request)
    if replay is None:
        return None
    row = find_job_row(session, resource.row, tenant, replay.resource)
    if row is None or not replay.made(row.create_time):
        raise deleted_since(str(resource.name(tenant, replay.resource)))
    return row


def check_id_is_free(session: Session, resource: JobResource[R], tenant: str, id: str) -> None:
    """Raise AlreadyExistsError if a resource with an id exists."""
    if find_job_row(session, resource.row, tenant, id) is not None:
        name = str(resource.name(tenant, id))
        raise AlreadyExistsError(f"{name} already exists. Choose another id.", metadata={"resource": name})


def job_values(job: JobRow, now: datetime) -> JobValues:
    """Return the attributes of a resource that its job has.

    Args:
        now: The database's time.
    """
    return JobValues(
        state=JobState(job.state),
        failure=None if job.failure is None else decode(Failure, job.failure),
        compute_seconds=job.compute_seconds,
        update_time=job.update_time,
        start_time=job.start_time,
        end_time=job.end_time,
        wait_start_time=wait_start(job, now),
    )


def current_progress(kind: type[P], document: Any, values: JobValues) -> P:
    """Return the progress of a resource, whose worker may have died, or whose job may have ended, since it was stored.

    Args:
        kind: Its type.
        document: The stored progress.
        values: What its job says.
    """
    stored = decode(kind, document)
    if values["state"] in (JobState.CANCELLED, JobState.FAILED):
        return replace(stored, remaining_seconds=None)
    is_left = values["wait_start_time"] is not None and values["state"] is not JobState.QUEUED
    return waiting(stored) if is_left else stored


def find_job_row(session: Session, table: type[R], tenant: str, id: str, options: Sequence[Any] = ()) -> R | None:
    """Return the row of a resource with its job; None if it does not exist.

    Whoever wants to change it locks the job before, so that the row is read as its last writer left it.

    Args:
        options: Options of the query, such as columns that are not needed.
    """
    query = select(table).join(table.job).options(contains_eager(table.job), *options)
    row: R | None = session.scalars(query.where(table.tenant == tenant, table.id == id)).one_or_none()
    return row
