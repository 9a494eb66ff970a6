"""Deletion of files that no row refers to.

A table of the database holds a note for each of them until they are deleted.

A note is written before the files, and removed in the transaction that stores the row which refers to them. It is
written again in the transaction that deletes that row. Partially stored files are therefore deleted automatically, and
so are the files of deleted resources, even if the process dies or the store fails before they are deleted.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from foreword.errors import UnavailableError
from foreword.observability.logging import get_logger
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.tables import ArtifactDeletionRow

_log = get_logger("artifacts")
_BATCH = 100
_TIME_TO_REFER = timedelta(days=1)


class ArtifactDeletions:
    """The deletion of files for which the database holds a note. Methods block."""

    def __init__(self, *, database: Database, artifacts: ArtifactStore) -> None:
        self._database = database
        self._artifacts = artifacts

    def begin_write(self, tenant: str, artifact: str) -> None:
        """Schedule a prefix that is about to be written for deletion in a day, unless a row refers to it by then."""
        with self._database.write() as session:
            note_deletion(session, tenant, artifact, self._database.clock(session) + _TIME_TO_REFER)

    def is_noted(self, artifact: str) -> bool:
        """Return whether a prefix is scheduled for deletion, which means that no committed row refers to it."""
        with self._database.read() as session:
            return session.get(ArtifactDeletionRow, artifact) is not None

    def delete(self, artifact: str) -> bool:
        """Delete the files of a scheduled prefix, and its note.

        Returns:
            False if the store is unavailable; `delete_due` then deletes the files later.
        """
        try:
            self._artifacts.delete(artifact)
        except UnavailableError:
            _log.warning("artifact_deletion_put_off", artifact=artifact)
            return False
        with self._database.write() as session:
            drop_note(session, artifact)
        return True

    def delete_due(self) -> None:
        """Delete the files that are due, at most a hundred prefixes. Stop if the store is unavailable."""
        with self._database.read() as session:
            due = session.scalars(
                select(ArtifactDeletionRow.artifact)
                .where(ArtifactDeletionRow.due_time <= self._database.clock(session))
                .order_by(ArtifactDeletionRow.due_time)
                .limit(_BATCH)
            ).all()
        for artifact in due:
            if not self.delete(artifact):
                return


def note_deletion(session: Session, tenant: str, artifact: str, due_time: datetime) -> None:
    """Schedule the files of a prefix, to which no row refers, for deletion at `due_time`."""
    session.merge(ArtifactDeletionRow(artifact=artifact, tenant=tenant, due_time=due_time))


def drop_note(session: Session, artifact: str) -> None:
    """Remove the note of a prefix, because a row refers to it now or its files have been deleted."""
    session.execute(delete(ArtifactDeletionRow).where(ArtifactDeletionRow.artifact == artifact))
