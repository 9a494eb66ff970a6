"""Datasets of a tenant."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, defer

from foreword.domain.capture import CaptureProvenance
from foreword.domain.dataset import Dataset
from foreword.domain.report import DataReport
from foreword.domain.resource_view import ResourceView
from foreword.errors import FailedPreconditionError, NotFoundError
from foreword.names import BatchJobName, DatasetName, DeploymentName, EvaluationName, SpaceName, TuneExperimentName
from foreword.storage.artifacts.deletions import drop_note, note_deletion
from foreword.storage.codec import decode, encode
from foreword.storage.database import Database
from foreword.storage.jobs.transitions import LIVE_STATES
from foreword.storage.lists.list_specs import DATASETS
from foreword.storage.lists.pages import ListReader, Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.quotas.checks import check_dataset
from foreword.storage.repositories.requests import Replay, RequestKey, deleted_since, find_replay, remember
from foreword.storage.repositories.tenants import require_tenant
from foreword.storage.tables import (
    BatchJobRow,
    DatasetRow,
    DatasetVersionRow,
    EvaluationRow,
    ExperimentRow,
    JobRow,
    SpaceRow,
)
from foreword.storage.texts import check_texts

_MOST_CAPTURED: Final = 100


class DatasetRepository:
    """The datasets of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def create(
        self,
        *,
        display_name: str,
        description: str,
        artifact: str,
        content_sha256: str,
        blocks_sha256: str,
        row_count: int,
        byte_size: int,
        report: DataReport,
        creator: str,
        request: RequestKey | None = None,
        reuses_identical: bool = False,
        reader: str | None = None,
        unlabelled: bool = False,
        captured_from: CaptureProvenance | None = None,
    ) -> Dataset:
        """Store a dataset as the next version of its display name. Version numbers are never reused.

        Args:
            reuses_identical: Return the newest dataset with this display name and these rows instead, if there is one.
            reader: The creator to whose datasets that is limited; None for any.
            captured_from: Which captured requests the rows are; None for a file.

        Raises:
            NotFoundError: The tenant or the dataset of a replayed request does not exist.
            AlreadyExistsError: The request id was already used with other content.
            ExhaustedError: The rows or bytes would exceed a quota of the tenant.
        """
        check_texts(display_name=display_name, description=description)
        document = encode(DataReport, report, "report")
        with self._database.write_tenant(self._tenant) as session:
            replay = find_replay(session, self._tenant, request)
            if replay is not None:
                return self._replayed(session, replay)
            require_tenant(session, self._tenant)
            now = self._database.clock(session)
            if reuses_identical:
                identical = _identical(session, self._tenant, display_name, blocks_sha256, reader, unlabelled)
                if identical is not None:
                    remember(session, self._tenant, request, identical.id, now)
                    return to_dataset(identical)
            check_dataset(session, self._tenant, row_count=row_count, byte_size=byte_size)
            row = DatasetRow(
                tenant=self._tenant,
                id=self._database.new_id(),
                display_name=display_name,
                description=description,
                version=_next_version(session, self._tenant, display_name),
                artifact=artifact,
                content_sha256=content_sha256,
                blocks_sha256=blocks_sha256,
                row_count=row_count,
                byte_size=byte_size,
                report=document,
                creator=creator,
                create_time=now,
                unlabelled=unlabelled,
                captured_from=None
                if captured_from is None
                else encode(CaptureProvenance, captured_from, "captured_from"),
            )
            session.add(row)
            drop_note(session, artifact)
            remember(session, self._tenant, request, row.id, now)
            return to_dataset(row)

    def find_replayed(self, request: RequestKey | None) -> Dataset | None:
        """Return the dataset that an earlier request with the same id made; None if the request is new.

        Raises:
            NotFoundError: The dataset has been deleted since.
            AlreadyExistsError: The request id was already used with other content.
        """
        if request is None:
            return None
        with self._database.read() as session:
            replay = find_replay(session, self._tenant, request)
            return None if replay is None else self._replayed(session, replay)

    def made_of_captures(self, deployment: DeploymentName, first: datetime, last: datetime) -> list[str]:
        """Return the ids of datasets of captured requests that were stored in a span of time, the newest 100."""
        with self._database.read() as session:
            rows = session.execute(
                select(DatasetRow.id, DatasetRow.captured_from)
                .where(
                    DatasetRow.tenant == self._tenant,
                    DatasetRow.captured_from["deployment"].as_string() == str(deployment),
                )
                .order_by(DatasetRow.key.desc())
            )
            found = ((id, decode(CaptureProvenance, stored)) for id, stored in rows)
            return [id for id, made in found if made.first_time <= last and made.last_time >= first][:_MOST_CAPTURED]

    def get(self, id: str) -> Dataset:
        """Return a dataset with its report.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        with self._database.read() as session:
            return to_dataset(_require(session, self._tenant, id))

    def find(self, id: str) -> Dataset | None:
        """Return a dataset without its report; None if it does not exist in the tenant."""
        with self._database.read() as session:
            query = select(DatasetRow).options(defer(DatasetRow.report))
            row = session.scalars(query.where(DatasetRow.tenant == self._tenant, DatasetRow.id == id)).one_or_none()
            return None if row is None else to_dataset(row, with_report=False)

    def list(self, request: ListRequest = FIRST_PAGE, *, take: Take[Dataset] = take_any) -> Page[Dataset]:
        """List datasets, by default newest first; the basic view leaves out their reports.

        Args:
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        full = request.view is ResourceView.FULL
        return ListReader(
            database=self._database,
            spec=DATASETS,
            tenant=self._tenant,
            conditions=[DatasetRow.tenant == self._tenant],
            options=() if full else [defer(DatasetRow.report)],
            convert=lambda _, rows: (to_dataset(row, with_report=full) for row in rows),
        ).read(request, take)

    def delete(self, id: str) -> str | None:
        """Delete a dataset.

        Returns:
            The prefix of its rows in the artifact store, scheduled for deletion by `ArtifactDeletions`; None if another
            dataset of the tenant still refers to it.

        Raises:
            NotFoundError: It does not exist in the tenant.
            FailedPreconditionError: A queued or running job needs it, or the policy of a space.
        """
        with self._database.write_tenant(self._tenant) as session:
            row = _require(session, self._tenant, id)
            user = _user(session, self._tenant, id)
            if user is not None:
                raise FailedPreconditionError(
                    f"{user} needs {DatasetName(self._tenant, id)}. Wait until it has ended, or cancel it.",
                    reason="RESOURCE_IN_USE",
                    metadata={"resource": str(DatasetName(self._tenant, id)), "user": user},
                )
            space = _space_with_policy(session, self._tenant, id)
            if space is not None:
                raise FailedPreconditionError(
                    f"The policy of {space} needs {DatasetName(self._tenant, id)}. Set another dataset in the policy.",
                    reason="RESOURCE_IN_USE",
                    metadata={"resource": str(DatasetName(self._tenant, id)), "user": space},
                )
            session.delete(row)
            session.flush()
            shared = session.scalars(
                select(DatasetRow.id)
                .where(DatasetRow.tenant == self._tenant, DatasetRow.artifact == row.artifact)
                .limit(1)
            ).one_or_none()
            if shared is not None:
                return None
            note_deletion(session, self._tenant, row.artifact, self._database.clock(session))
            return row.artifact

    def _replayed(self, session: Session, replay: Replay) -> Dataset:
        row = _find(session, self._tenant, replay.resource)
        if row is None:
            raise deleted_since(str(DatasetName(self._tenant, replay.resource)))
        return to_dataset(row)


def _user(session: Session, tenant: str, id: str) -> str | None:
    """Return the name of a queued or running job that needs a dataset; None if there is none."""
    live = JobRow.state.in_(LIVE_STATES)
    validation = ExperimentRow.config["validation_dataset"].as_string()
    run = session.scalars(
        select(ExperimentRow.id)
        .join(ExperimentRow.job)
        .where(ExperimentRow.tenant == tenant, live, or_(ExperimentRow.dataset == id, validation == id))
        .limit(1)
    ).one_or_none()
    if run is not None:
        return str(TuneExperimentName(tenant, run))
    evaluation = session.scalars(
        select(EvaluationRow.id)
        .join(EvaluationRow.job)
        .where(
            EvaluationRow.tenant == tenant,
            live,
            or_(EvaluationRow.dataset == id, EvaluationRow.examples_dataset == id),
        )
        .limit(1)
    ).one_or_none()
    if evaluation is not None:
        return str(EvaluationName(tenant, evaluation))
    batch_job = session.scalars(
        select(BatchJobRow.id)
        .join(BatchJobRow.job)
        .where(BatchJobRow.tenant == tenant, live, BatchJobRow.dataset == id)
        .limit(1)
    ).one_or_none()
    return None if batch_job is None else str(BatchJobName(tenant, batch_job))


def _space_with_policy(session: Session, tenant: str, id: str) -> str | None:
    """Return the name of a space whose policy needs a dataset; None if there is none."""
    space = session.scalars(
        select(SpaceRow.id).where(SpaceRow.tenant == tenant, SpaceRow.policy["dataset"].as_string() == id).limit(1)
    ).one_or_none()
    return None if space is None else str(SpaceName(tenant, space))


def require_dataset(session: Session, tenant: str, id: str) -> None:
    """Check that a dataset exists.

    Raises:
        NotFoundError: It does not exist in the tenant.
    """
    if session.scalars(select(DatasetRow.key).where(DatasetRow.tenant == tenant, DatasetRow.id == id)).first() is None:
        raise NotFoundError.of(str(DatasetName(tenant, id)))


def to_dataset(row: DatasetRow, *, with_report: bool = True) -> Dataset:
    """Convert a row to a dataset."""
    return Dataset(
        tenant=row.tenant,
        id=row.id,
        display_name=row.display_name,
        description=row.description,
        version=row.version,
        artifact=row.artifact,
        content_sha256=row.content_sha256,
        blocks_sha256=row.blocks_sha256,
        row_count=row.row_count,
        byte_size=row.byte_size,
        report=decode(DataReport, row.report) if with_report else None,
        creator=row.creator,
        create_time=row.create_time,
        unlabelled=row.unlabelled,
        captured_from=None if row.captured_from is None else decode(CaptureProvenance, row.captured_from),
    )


def _find(session: Session, tenant: str, id: str) -> DatasetRow | None:
    return session.scalars(select(DatasetRow).where(DatasetRow.tenant == tenant, DatasetRow.id == id)).one_or_none()


def _identical(
    session: Session, tenant: str, display_name: str, blocks_sha256: str, reader: str | None, unlabelled: bool
) -> DatasetRow | None:
    """Return the newest dataset with a display name and the same rows and row numbers; None if there is none."""
    query = select(DatasetRow).where(
        DatasetRow.tenant == tenant,
        DatasetRow.display_name == display_name,
        DatasetRow.blocks_sha256 == blocks_sha256,
        DatasetRow.unlabelled.is_(unlabelled),
    )
    if reader is not None:
        query = query.where(DatasetRow.creator == reader)
    return session.scalars(query.order_by(DatasetRow.version.desc()).limit(1)).one_or_none()


def _require(session: Session, tenant: str, id: str) -> DatasetRow:
    row = _find(session, tenant, id)
    if row is None:
        raise NotFoundError.of(str(DatasetName(tenant, id)))
    return row


def _next_version(session: Session, tenant: str, display_name: str) -> int:
    counter = session.get(DatasetVersionRow, (tenant, display_name))
    if counter is None:
        counter = DatasetVersionRow(tenant=tenant, display_name=display_name, last_version=0)
        session.add(counter)
    counter.last_version += 1
    return counter.last_version
