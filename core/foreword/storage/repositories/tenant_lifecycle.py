"""The life of tenants after their creation: changes, suspension, and deletion with a grace period."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from foreword.domain.tenant import GRACE_PERIOD, Tenant, TenantState
from foreword.domain.webhook import GIVE_UP
from foreword.errors import AbortedError, FailedPreconditionError, NotFoundError
from foreword.names import TenantName
from foreword.storage.database import Database
from foreword.storage.etags import resource_etag
from foreword.storage.events.webhook_schedule import WAITING
from foreword.storage.repositories.requests import RequestKey, find_replay, remember
from foreword.storage.repositories.tenants import tenant_of
from foreword.storage.tables import TenantRow, WebhookDeliveryRow
from foreword.storage.texts import check_texts


class TenantLifecycle:
    """Changes of existing tenants.

    Servers look up the state of a tenant with each key, and workers at each heartbeat, so nothing else has to be told.
    All methods raise NotFoundError if the tenant does not exist, and AbortedError if it has another etag than the given
    one; an empty etag is not checked.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def update(
        self, id: str, *, display_name: str | None = None, etag: str = "", request: RequestKey | None = None
    ) -> Tenant:
        """Change a tenant. None leaves a field unchanged.

        Raises:
            AlreadyExistsError: The request id was already used with other content.
        """
        check_texts(display_name=display_name or "")
        with self._database.write_tenant(id) as session:
            replay = find_replay(session, id, request)
            row = _row(session, id, "" if replay is not None else etag)
            if replay is not None:
                return tenant_of(row)
            now = self._database.clock(session)
            if display_name is not None:
                row.display_name = display_name
            _changed(row, now)
            remember(session, id, request, id, now)
            return tenant_of(row)

    def suspend(self, id: str, *, reason: str = "", etag: str = "") -> Tenant:
        """Suspend a tenant. A tenant that is suspended already keeps the time, and gets the new reason.

        Raises:
            FailedPreconditionError: The tenant is being deleted.
        """
        check_texts(reason=reason)
        with self._living(id, etag) as (session, row):
            now = self._database.clock(session)
            if row.suspend_time is None or row.suspend_reason != reason:
                row.suspend_time, row.suspend_reason = row.suspend_time or now, reason
                _changed(row, now)
            return tenant_of(row)

    def resume(self, id: str, *, etag: str = "") -> Tenant:
        """Resume a suspended tenant. An active one stays as it is.

        Raises:
            FailedPreconditionError: The tenant is being deleted.
        """
        with self._living(id, etag) as (session, row):
            if row.suspend_time is not None:
                now = self._database.clock(session)
                row.suspend_time, row.suspend_reason = None, ""
                _changed(row, now)
                _resume_deliveries(session, id, now)
            return tenant_of(row)

    def delete(self, id: str, *, grace_period: timedelta | None = None, etag: str = "") -> Tenant:
        """Delete a tenant. It is purged after the grace period.

        Args:
            grace_period: Default: `GRACE_PERIOD`; for a tenant that is being deleted, the remaining time. The time of a
                purge that has begun is never changed.
        """
        with self._database.write_tenant(id) as session:
            row = _row(session, id, etag)
            now = self._database.clock(session)
            if row.purge_time is None or (grace_period is not None and row.purge_time > now):
                row.delete_time = row.delete_time or now
                row.purge_time = now + (GRACE_PERIOD if grace_period is None else grace_period)
                _changed(row, now)
            return tenant_of(row)

    def undelete(self, id: str, *, etag: str = "") -> Tenant:
        """Undo the deletion of a tenant. One that is not being deleted stays as it is.

        Raises:
            FailedPreconditionError: Its grace period is over.
        """
        with self._database.write_tenant(id) as session:
            row = _row(session, id, etag)
            now = self._database.clock(session)
            if row.purge_time is not None:
                if row.purge_time <= now:
                    raise FailedPreconditionError(
                        f"The grace period of {TenantName(id)} is over, and its resources are being deleted. Wait "
                        "until it does not exist any more, then create a tenant with this id.",
                        reason="TENANT_PURGED",
                        metadata={"resource": str(TenantName(id))},
                    )
                row.delete_time = row.purge_time = None
                _changed(row, now)
                if row.suspend_time is None:
                    _resume_deliveries(session, id, now)
            return tenant_of(row)

    @contextmanager
    def _living(self, id: str, etag: str) -> Iterator[tuple[Session, TenantRow]]:
        """Open a transaction with a tenant that is not being deleted."""
        with self._database.write_tenant(id) as session:
            row = _row(session, id, etag)
            if row.delete_time is not None:
                name = str(TenantName(id))
                raise FailedPreconditionError(
                    f"{name} is being deleted. Undo that first: foreword tenants undelete {id}.",
                    reason="TENANT_DELETED",
                    metadata={"resource": name},
                )
            yield session, row


def _row(session: Session, id: str, etag: str) -> TenantRow:
    name = str(TenantName(id))
    # The weaker lock does not block inserts that refer to the tenant.
    row = session.get(TenantRow, id, with_for_update={"key_share": True})
    if row is None:
        raise NotFoundError.of(name)
    if etag and etag != resource_etag(row.create_time, row.change_count):
        raise AbortedError(
            f"{name} was changed since you read it. Read it again and repeat your change.", metadata={"resource": name}
        )
    return row


def _changed(row: TenantRow, now: datetime) -> None:
    """Set what follows from a change."""
    if row.delete_time is not None:
        row.state = TenantState.DELETING.value
    else:
        row.state = (TenantState.ACTIVE if row.suspend_time is None else TenantState.SUSPENDED).value
    row.change_count += 1
    row.update_time = now


def _resume_deliveries(session: Session, tenant: str, now: datetime) -> None:
    """Give the events that have waited for the tenant's webhooks the full time for retries again."""
    session.execute(
        update(WebhookDeliveryRow)
        .where(WebhookDeliveryRow.tenant == tenant, WebhookDeliveryRow.state.in_(WAITING))
        .values(give_up_time=now + GIVE_UP)
    )
