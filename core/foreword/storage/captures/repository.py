"""The captured requests of a tenant, as their owner reads and deletes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Select, func, select, true
from sqlalchemy.orm import Session

from foreword.domain.capture import CapturedRequest, CaptureUsage
from foreword.errors import NotFoundError
from foreword.names import DeploymentName
from foreword.storage.audit.changes import note_change
from foreword.storage.captures.rows import to_captured_request
from foreword.storage.captures.usage import BATCH, Deleted, DeploymentUsage
from foreword.storage.database import Database
from foreword.storage.lists.fields import Context
from foreword.storage.lists.filters import filter_condition
from foreword.storage.lists.list_specs import CAPTURED_REQUESTS
from foreword.storage.lists.pages import ListReader, Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.repositories.revisions import capture_of
from foreword.storage.tables import CapturedRequestRow, CaptureUsageRow, DeploymentRow
from foreword.storage.texts import check_texts

EVERYTHING = "*"
"""The filter of a deletion that selects all requests."""
_FULL_SHARE: Final = 0.95
"""Share of the bytes of a tenant from which on they count as used up: a request rarely fits into the rest."""


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
            require_deployment(session, self._tenant, space, deployment)

        return ListReader(
            database=self._database,
            spec=CAPTURED_REQUESTS,
            tenant=self._tenant,
            parent=f"{space}/{deployment}",
            conditions=[CapturedRequestRow.deployment_key == key],
            convert=lambda _, rows: map(to_captured_request, rows),
            check=check,
        ).read(request, take)

    def byte_size(self, space: str, deployment: str) -> int:
        """Return the room that the captured requests of a deployment take.

        Raises:
            NotFoundError: The deployment does not exist in the tenant.
        """
        with self._database.read() as session:
            owner = require_deployment(session, self._tenant, space, deployment)
            usage = session.get(CaptureUsageRow, owner.key)
            return 0 if usage is None else usage.byte_size

    def usage(self, space: str, deployment: str, *, max_tenant_bytes: int) -> CaptureUsage | None:
        """Return how much room the captured requests of a deployment take; None if nothing is captured or kept.

        Args:
            max_tenant_bytes: Room that the captured requests of the tenant may take.

        Raises:
            NotFoundError: The deployment does not exist in the tenant.
        """
        with self._database.read() as session:
            owner = require_deployment(session, self._tenant, space, deployment)
            row = session.get(CaptureUsageRow, owner.key)
            policy = capture_of(owner)
            count = 0 if row is None else row.request_count
            if not policy.share and not count:
                return None
            total = session.scalars(
                select(func.sum(CaptureUsageRow.byte_size)).where(CaptureUsageRow.tenant == self._tenant)
            ).one()
            return CaptureUsage(
                request_count=count,
                byte_size=0 if row is None else row.byte_size,
                full=count >= policy.max_requests or int(total or 0) >= _FULL_SHARE * max_tenant_bytes,
            )

    def batches(self, space: str, deployment: str, filter: str = "") -> Iterator[Sequence[CapturedRequest]]:
        """Yield the captured requests of a deployment that meet a filter, newest first, in batches of `BATCH`.

        Each batch is read in a transaction of its own. Requests that are captured meanwhile are left out.

        Raises:
            NotFoundError: The deployment does not exist in the tenant.
            InvalidArgumentError: The filter is invalid.
        """
        check_texts(filter=filter)
        context = Context(is_sqlite=self._database.is_sqlite, tenant=self._tenant)
        condition = filter_condition(filter, CAPTURED_REQUESTS.fields, context)
        before: int | None = None
        while True:
            with self._database.read() as session:
                owner = require_deployment(session, self._tenant, space, deployment)
                query = select(CapturedRequestRow).where(CapturedRequestRow.deployment_key == owner.key, condition)
                if before is not None:
                    query = query.where(CapturedRequestRow.key < before)
                rows = session.scalars(query.order_by(CapturedRequestRow.key.desc()).limit(BATCH)).all()
                found = [to_captured_request(row) for row in rows]
                before = rows[-1].key if rows else None
            if found:
                yield found
            if len(found) < BATCH:
                return

    def delete_some(
        self, space: str, deployment: str, *, request_ids: Sequence[str] | None = None, filter: str = EVERYTHING
    ) -> Deleted:
        """Delete captured requests of a deployment, at most `BATCH`.

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
            owner = require_deployment(session, self._tenant, space, deployment)
            deleted = DeploymentUsage(session, owner).delete(condition)
            if deleted.count:
                note_change(session, str(DeploymentName(self._tenant, space, deployment)))
            return deleted


def require_deployment(session: Session, tenant: str, space: str, deployment: str) -> DeploymentRow:
    """Return the row of a deployment.

    Raises:
        NotFoundError: It does not exist in the tenant.
    """
    row = session.scalars(_of(tenant, space, deployment)).one_or_none()
    if row is None:
        raise NotFoundError.of(str(DeploymentName(tenant, space, deployment)))
    return row


def _of(tenant: str, space: str, deployment: str) -> Select[DeploymentRow]:
    return select(DeploymentRow).where(
        DeploymentRow.tenant == tenant, DeploymentRow.space == space, DeploymentRow.id == deployment
    )
