"""The purge of deleted tenants: all their rows and files, when their grace period is over.

The row of the tenant is deleted last, in one transaction with what was added meanwhile. Until then, any server goes on
with a purge whose process was killed: every step deletes what it still finds.

One server at a time purges a tenant. It claims the tenant by its `update_time`, and renews that in every transaction.
If two purged one, the slower could delete what belongs to a new tenant of the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, delete, literal, select, tuple_
from sqlalchemy.orm import Session

from foreword.errors import UnavailableError
from foreword.names import TenantName
from foreword.observability.logging import get_logger
from foreword.storage.artifacts.keys import tenant_prefixes
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.audit.recording import note_system_action
from foreword.storage.database import Database
from foreword.storage.repositories.requests import NO_TENANT
from foreword.storage.tables import Base, JobRow, RequestRow, TenantRow
from foreword.storage.tables.base import OUTLIVES_TENANT

FAILPOINTS: Final = ("purge.rows_deleted", "purge.files_deleted", "purge.before_commit", "purge.after_commit")
"""The points at which `failpoint` is called, for tests that kill the process there."""

SETTLING: Final = timedelta(seconds=60)
"""Time from the last change of a tenant, or of the claim of another server, to its purge at least. Meanwhile calls and
jobs end, and what they have begun to write is written."""
_BATCH: Final = 500
"""Rows that are deleted in one transaction, so that others can write in between."""
_log = get_logger("tenants")


def tenant_tables() -> Sequence[Table]:
    """Return the tables whose rows are deleted with their tenant, those that refer to others first."""
    tables = [table for table in reversed(Base.metadata.sorted_tables) if "tenant" in table.columns]
    return [table for table in tables if not OUTLIVES_TENANT.items() <= table.info.items()]


class TenantPurge:
    """The purge of deleted tenants. Methods block.

    Args:
        settling: Minimum time from the last change of a tenant to its purge.
        failpoint: Called with a name of FAILPOINTS when that point is reached.
    """

    def __init__(
        self,
        *,
        database: Database,
        artifacts: ArtifactStore,
        settling: timedelta = SETTLING,
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._artifacts = artifacts
        self._settling = settling
        self._failpoint = failpoint

    def purge_due(self) -> Sequence[str]:
        """Purge the tenants whose grace period is over, and return the ids of those that are gone.

        What was deleted leaves the log of the database as well, unless somebody reads: then the retention of captured
        requests empties it within minutes.

        A tenant is left for the next time if a worker still has one of its jobs, or the artifact store is unavailable.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        with self._database.read() as session:
            now = self._database.clock(session)
            due = session.scalars(
                select(TenantRow.id)
                .where(TenantRow.purge_time <= now, TenantRow.update_time <= now - self._settling)
                .order_by(TenantRow.purge_time, TenantRow.id)
            ).all()
        gone = [tenant for tenant in due if self._purge(tenant)]
        if gone:
            self._database.empty_log()
        return gone

    def _purge(self, tenant: str) -> bool:
        try:
            claim = self._claim(tenant)
            if claim is None:
                return False
            _log.info("tenant_purge_begun", tenant=tenant)
            for table in tenant_tables():
                for keys in self._keys(table, tenant):
                    with self._database.write_tenant(tenant) as session:
                        claim.renew(session)
                        session.execute(delete(table).where(_is_one_of(table, keys)))
            self._failpoint("purge.rows_deleted")
            for prefix in tenant_prefixes(tenant):
                with self._database.write_tenant(tenant) as session:
                    claim.renew(session)
                self._artifacts.delete(prefix)
            self._failpoint("purge.files_deleted")
            with self._database.write_tenant(tenant) as session:
                claim.renew(session)
                session.flush()
                _delete_rest(session, tenant)
                note_system_action(session, "PurgeTenant", str(TenantName(tenant)))
                session.flush()
                self._failpoint("purge.before_commit")
        except UnavailableError as outage:
            _log.warning("tenant_purge_put_off", tenant=tenant, error=outage.message)
            return False
        except _ClaimLostError:
            _log.info("tenant_purged_elsewhere", tenant=tenant)
            return False
        self._failpoint("purge.after_commit")
        _log.info("tenant_purged", tenant=tenant)
        return True

    def _claim(self, tenant: str) -> _Claim | None:
        """Claim a tenant; None if another server has it, or a worker has one of its jobs.

        A worker finds out at its next heartbeat, or its lease expires.
        """
        with self._database.write_tenant(tenant) as session:
            now = self._database.clock(session)
            row = session.get(TenantRow, tenant, with_for_update={"key_share": True})
            if row is None or row.purge_time is None or row.purge_time > now:
                return None
            if row.update_time is not None and row.update_time > now - self._settling:
                return None
            held = select(JobRow.key).where(
                JobRow.tenant == tenant, JobRow.lease_worker.is_not(None), JobRow.lease_expire_time > now
            )
            if session.scalars(held.limit(1)).first() is not None:
                return None
            claim = _Claim(self._database, tenant, row.update_time)
            claim.renew(session)
            return claim

    def _keys(self, table: Table, tenant: str) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Yield the primary keys of a tenant's rows, in batches. Few tables have an index of tenants only."""
        query = select(*table.primary_key).where(table.c.tenant == tenant).order_by(*table.primary_key).limit(_BATCH)
        last: tuple[Any, ...] | None = None
        while True:
            with self._database.read() as session:
                rows = session.execute(query if last is None else query.where(_is_after(table, last))).all()
            keys = [tuple(row) for row in rows]
            if not keys:
                return
            yield keys
            last = keys[-1]


def _is_after(table: Table, key: tuple[Any, ...]) -> ColumnElement[bool]:
    """Return the condition for the rows after the one with a primary key, in the order of primary keys."""
    columns = tuple(table.primary_key)
    if len(columns) == 1:
        condition: ColumnElement[bool] = columns[0] > key[0]
        return condition
    return tuple_(*columns) > tuple_(*(literal(value, column.type) for value, column in zip(key, columns, strict=True)))


def _is_one_of(table: Table, keys: Sequence[tuple[Any, ...]]) -> ColumnElement[bool]:
    """Return the condition for the rows with these primary keys."""
    columns = tuple(table.primary_key)
    if len(columns) == 1:
        return columns[0].in_([key for (key,) in keys])
    return tuple_(*columns).in_(keys)


class _ClaimLostError(Exception):
    """Another server has purged the tenant, or is doing so."""


class _Claim:
    """The right to purge a tenant."""

    def __init__(self, database: Database, tenant: str, time: datetime | None) -> None:
        self._database = database
        self._tenant = tenant
        self._time = time

    def renew(self, session: Session) -> None:
        """Renew the claim in a transaction that is serialised for the tenant.

        Raises:
            _ClaimLostError: It is not valid any more.
        """
        row = session.get(TenantRow, self._tenant, with_for_update={"key_share": True})
        if row is None or row.update_time != self._time:
            raise _ClaimLostError
        self._time = row.update_time = self._database.clock(session)


def _delete_rest(session: Session, tenant: str) -> None:
    """Delete what was added since its table was emptied, the memory of the tenant's creation, and the tenant."""
    for table in tenant_tables():
        session.execute(delete(table).where(table.c.tenant == tenant))
    session.execute(delete(RequestRow).where(RequestRow.tenant == NO_TENANT, RequestRow.resource == tenant))
    session.execute(delete(TenantRow).where(TenantRow.id == tenant))
