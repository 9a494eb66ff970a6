"""The captured requests of a tenant, as their owner reads and deletes them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, select, true
from sqlalchemy.orm import Session

from foreword.domain.capture import CapturedRequest, SeenRequest
from foreword.errors import NotFoundError
from foreword.names import DeploymentName
from foreword.storage.captures.usage import CaptureUsage
from foreword.storage.database import Database
from foreword.storage.lists.fields import Context
from foreword.storage.lists.filters import filter_condition
from foreword.storage.lists.list_specs import CAPTURED_REQUESTS
from foreword.storage.lists.pages import ListReader, Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.tables import CapturedRequestRow, DeploymentRow
from foreword.storage.texts import check_texts

EVERYTHING = "*"
"""The filter of a deletion that selects all requests."""


class CaptureRepository:
    """The captured requests of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def list(
        self,
        space: str,
        deployment: str,
        request: ListRequest = FIRST_PAGE,
        *,
        take: Take[CapturedRequest] = take_any,
    ) -> Page[CapturedRequest]:
        """List the captured requests of a deployment, by default newest first.

        Args:
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            NotFoundError: The deployment does not exist in the tenant.
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        key = _of(self._tenant, space, deployment).with_only_columns(DeploymentRow.key).scalar_subquery()

        def check(session: Session) -> None:
            self._require(session, space, deployment)

        return ListReader(
            database=self._database,
            spec=CAPTURED_REQUESTS,
            tenant=self._tenant,
            parent=f"{space}/{deployment}",
            conditions=[CapturedRequestRow.deployment_key == key],
            convert=lambda _, rows: map(to_captured_request, rows),
            check=check,
        ).read(request, take)

    def delete_some(
        self, space: str, deployment: str, *, request_ids: Sequence[str] | None = None, filter: str = EVERYTHING
    ) -> int:
        """Delete captured requests of a deployment, at most `BATCH`, and return how many were deleted.

        Args:
            request_ids: Ids of the requests; None for those that meet the filter.
            filter: Condition in the grammar of lists, or `EVERYTHING`.

        Raises:
            NotFoundError: The deployment does not exist in the tenant.
            InvalidArgumentError: The filter is invalid.
        """
        check_texts(filter=filter, **{f"request_ids[{place}]": id for place, id in enumerate(request_ids or ())})
        condition: ColumnElement[bool] = true()
        if request_ids is not None:
            condition = CapturedRequestRow.request_id.in_(request_ids)
        elif filter != EVERYTHING:
            context = Context(is_sqlite=self._database.is_sqlite, tenant=self._tenant)
            condition = filter_condition(filter, CAPTURED_REQUESTS.fields, context)
        with self._database.write_tenant(self._tenant) as session:
            return CaptureUsage(session, self._require(session, space, deployment)).delete(condition)

    def _require(self, session: Session, space: str, deployment: str) -> DeploymentRow:
        row = session.scalars(_of(self._tenant, space, deployment)).one_or_none()
        if row is None:
            raise NotFoundError.of(str(DeploymentName(self._tenant, space, deployment)))
        return row


def _of(tenant: str, space: str, deployment: str) -> Select[DeploymentRow]:
    return select(DeploymentRow).where(
        DeploymentRow.tenant == tenant, DeploymentRow.space == space, DeploymentRow.id == deployment
    )


def to_captured_request(row: CapturedRequestRow) -> CapturedRequest:
    """Convert a row to a captured request."""
    return CapturedRequest(
        seen=SeenRequest(
            request_id=row.request_id,
            revision=row.revision,
            model=row.model,
            input=row.input,
            output=row.output,
            labels=None if row.labels is None else tuple(row.labels),
            probability=row.probability,
            threshold=row.threshold,
            abstained=row.abstained,
        ),
        create_time=row.create_time,
    )
