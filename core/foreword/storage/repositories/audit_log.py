"""The audit log: reading it, adding what belongs to no transaction of a change, and deleting what is old enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from foreword.domain.audit import SERVICE, SYSTEM, AuditChain, AuditRecord
from foreword.errors import NotFoundError
from foreword.names import TenantName
from foreword.storage.audit.action import current_action
from foreword.storage.audit.chains import AuditEntry, append, lock_chain, to_chain, to_record, without_chain
from foreword.storage.audit.recording import entry_of, tenant_of
from foreword.storage.database import Database
from foreword.storage.lists.list_specs import AUDIT_CHAINS, AUDIT_RECORDS
from foreword.storage.lists.pages import ListReader, Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.tables import AuditChainRow, AuditRecordRow, TenantRow

EXPIRED: Final = "DeleteExpiredAuditRecords"
"""Name of the deletion of old records in the log."""
_BATCH: Final = 1000
_SLACK: Final = timedelta(days=1)
"""Records are deleted this much later than they expire, a day of them at once, because each deletion is recorded."""


class AuditLog:
    """The audit records of all tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(
        self,
        tenant: str | None,
        request: ListRequest = FIRST_PAGE,
        *,
        since_creation: bool = False,
        take: Take[AuditRecord] = take_any,
    ) -> Page[AuditRecord]:
        """List records, by default newest first.

        Args:
            tenant: The tenant of the records; None for those of all tenants and those that belong to none.
            since_creation: Whether to leave out what is older than the tenant: the records of a deleted tenant with the
                same id, which its successor may not see.
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            NotFoundError: There is neither the tenant nor a record of it.
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        conditions: list[ColumnElement[bool]] = []
        if tenant is not None:
            conditions.append(AuditRecordRow.tenant == tenant)
        if since_creation:
            created = select(TenantRow.create_time).where(TenantRow.id == tenant).scalar_subquery()
            conditions.append(AuditRecordRow.time >= created)
        return ListReader(
            database=self._database,
            spec=AUDIT_RECORDS,
            tenant=tenant or "",
            parent=f"since creation of {tenant}" if since_creation else tenant or "-",
            conditions=conditions,
            convert=lambda _, rows: map(to_record, rows),
            check=lambda session: _require(session, tenant),
        ).read(request, take)

    def list_chains(
        self,
        tenant: str | None,
        request: ListRequest = FIRST_PAGE,
        *,
        since_creation: bool = False,
        take: Take[AuditChain] = take_any,
    ) -> Page[AuditChain]:
        """List the ends of the chain of a tenant, or of all chains, ordered by tenant.

        The ends of a chain that were removed from the database are restored with a gap first; see `lock_chain`.

        Args:
            since_creation: Whether the chain begins with the tenant, as in `list`.
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            NotFoundError: There is neither the tenant nor a record of it.
            InvalidArgumentError: The page size or the token is invalid.
        """
        if not request.page_token:
            with self._database.read() as session:
                removed = without_chain(session, tenant)
            for other in removed:
                with self._database.write() as session:
                    lock_chain(session, other)
        return ListReader(
            database=self._database,
            spec=AUDIT_CHAINS,
            tenant=tenant or "",
            parent=tenant or "-",
            conditions=[] if tenant is None else [AuditChainRow.tenant == tenant],
            convert=_since_creation if since_creation else lambda _, rows: map(to_chain, rows),
            check=lambda session: _require(session, tenant),
        ).read(request, take)

    def append(self, entries: Mapping[str, Sequence[AuditEntry]]) -> None:
        """Add records that belong to no transaction of a change, by tenant."""
        for tenant in sorted(entries):
            with self._database.write() as session:
                append(session, tenant, entries[tenant], self._database.clock)

    def record_current_action(self) -> None:
        """Add the record of the current call, whose effect is outside of the database."""
        action = current_action()
        if action is not None and action.is_pending:
            self.append({tenant_of(action): [entry_of(action)]})
            action.is_recorded = True

    def delete_expired(self, retention: timedelta) -> int:
        """Delete the records that are older than the retention, in small transactions, and return their number.

        The chains begin behind the last record that was deleted, whose hash they keep. Servers may run it at the same
        time.
        """
        with self._database.read() as session:
            now = self._database.clock(session)
            oldest = now - retention - _SLACK
            due = session.scalars(select(AuditRecordRow.tenant).where(AuditRecordRow.time < oldest).distinct()).all()
        return sum(self._delete_of(tenant, retention) for tenant in due)

    def _delete_of(self, tenant: str, retention: timedelta) -> int:
        total, last = 0, False
        while not last:
            with self._database.write() as session:
                chain = lock_chain(session, tenant)
                expired = (
                    select(AuditRecordRow.sequence, AuditRecordRow.hash, AuditRecordRow.method)
                    .where(
                        AuditRecordRow.tenant == tenant,
                        AuditRecordRow.time < self._database.clock(session) - retention,
                        AuditRecordRow.sequence <= chain.anchor_sequence + _BATCH,
                    )
                    .order_by(AuditRecordRow.sequence)
                )
                found = session.execute(expired).all()
                last = len(found) < _BATCH
                if not found:
                    break
                chain.anchor_sequence, chain.anchor_hash = found[-1].sequence, found[-1].hash
                session.execute(
                    delete(AuditRecordRow).where(
                        AuditRecordRow.tenant == tenant, AuditRecordRow.sequence <= chain.anchor_sequence
                    )
                )
                total += len(found)
                # Otherwise each deletion would leave a record to delete for ever.
                if any(row.method != EXPIRED for row in found):
                    resource = str(TenantName(tenant)) if tenant != SERVICE else ""
                    entry = AuditEntry(method=EXPIRED, actor_tenant="", actor=SYSTEM, resource=resource)
                    append(session, tenant, [entry], self._database.clock)
        return total


def _require(session: Session, tenant: str | None) -> None:
    """Raise NotFoundError unless there is the tenant or a record of it."""
    if tenant is None or session.get(TenantRow, tenant) is not None or session.get(AuditChainRow, tenant) is not None:
        return
    raise NotFoundError.of(str(TenantName(tenant)))


def _since_creation(session: Session, rows: Sequence[AuditChainRow]) -> Iterator[AuditChain]:
    """Yield chains that begin behind the records of an earlier tenant with the same id."""
    for row in rows:
        created = select(TenantRow.create_time).where(TenantRow.id == row.tenant).scalar_subquery()
        last = session.execute(
            select(AuditRecordRow.sequence, AuditRecordRow.hash)
            .where(AuditRecordRow.tenant == row.tenant, AuditRecordRow.time < created)
            .order_by(AuditRecordRow.sequence.desc())
            .limit(1)
        ).first()
        chain = to_chain(row)
        yield chain if last is None else replace(chain, anchor_sequence=last.sequence, anchor_hash=last.hash)
