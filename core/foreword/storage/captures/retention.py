"""Deletion of captured requests that are older than the retention of their deployment."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from foreword.names import DeploymentName
from foreword.storage.audit.recording import note_system_action
from foreword.storage.captures.usage import BATCH, DeploymentUsage
from foreword.storage.database import Database
from foreword.storage.repositories.revisions import capture_of
from foreword.storage.tables import CapturedRequestRow, CaptureUsageRow, DeploymentRow

_OLDEST_FIRST = (CapturedRequestRow.create_time, CapturedRequestRow.key)


class CaptureRetention:
    """The deletion of what has been kept for long enough. Servers may run it at the same time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def delete_expired(self) -> int:
        """Delete all requests that have expired, in small transactions, and return their number.

        What was deleted since the last time, by anybody, then leaves the log of the database as well.
        """
        with self._database.read() as session:
            stored = session.execute(
                select(DeploymentRow.key, DeploymentRow.tenant)
                .join(CaptureUsageRow, CaptureUsageRow.deployment_key == DeploymentRow.key)
                .where(CaptureUsageRow.request_count > 0)
            ).all()
        count = sum(self._delete_of(key, tenant) for key, tenant in stored)
        self._database.empty_log()
        return count

    def _delete_of(self, key: int, tenant: str) -> int:
        total = 0
        while self._has_expired(key):
            with self._database.write_tenant(tenant) as session:
                row = session.get(DeploymentRow, key)
                deleted = 0
                if row is not None:
                    deleted = DeploymentUsage(session, row).delete(self._expired(session, row), _OLDEST_FIRST).count
                    if deleted:
                        name = str(DeploymentName(tenant, row.space, row.id))
                        note_system_action(session, "DeleteExpiredCapturedRequests", name)
            total += deleted
            if deleted < BATCH:
                break
        return total

    def _has_expired(self, key: int) -> bool:
        """Return whether there is something to delete, which takes no lock."""
        with self._database.read() as session:
            row = session.get(DeploymentRow, key)
            if row is None:
                return False
            oldest = session.scalars(
                select(CapturedRequestRow.key)
                .where(CapturedRequestRow.deployment_key == key, self._expired(session, row))
                .limit(1)
            )
            return oldest.first() is not None

    def _expired(self, session: Session, row: DeploymentRow) -> ColumnElement[bool]:
        return CapturedRequestRow.create_time < self._database.clock(session) - capture_of(row).retention
