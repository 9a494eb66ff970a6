"""Files that no row refers to: noted in the database until they are deleted.

A note is written before files are, and dropped in the transaction that stores the row which refers to them; it is
written again in the transaction that drops that row. So what was half stored goes by itself, and what a tenant deleted
goes whatever happens to the process or to the store before its files do.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from foreword.errors import UnavailableError
from foreword.observability.logging import get_logger
from foreword.storage.artifacts import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.tables import ArtifactDeletionRow

_log = get_logger("artifacts")
_BATCH = 100
_TIME_TO_REFER = timedelta(days=1)


class ArtifactDeletions:
    """Deletes files that no row refers to, as the notes in the database say. Methods block."""

    def __init__(self, *, database: Database, artifacts: ArtifactStore) -> None:
        self._database = database
        self._artifacts = artifacts

    def begin_write(self, tenant: str, artifact: str) -> None:
        """Note that a prefix is about to be written and is deleted in a day unless a row refers to it by then."""
        with self._database.write() as session:
            note_deletion(session, tenant, artifact, self._database.clock(session) + _TIME_TO_REFER)

    def is_noted(self, artifact: str) -> bool:
        """Return whether a prefix is noted for deletion, which means that no committed row refers to it."""
        with self._database.read() as session:
            return session.get(ArtifactDeletionRow, artifact) is not None

    def delete(self, artifact: str) -> bool:
        """Delete what a noted prefix holds, and the note.

        Returns:
            False when the store is away; `delete_due` then deletes it later.
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
        """Delete what is due, a hundred prefixes at most; stop when the store is away."""
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
    """Note that no row refers to a prefix and that its files are deleted at `due_time`."""
    session.merge(ArtifactDeletionRow(artifact=artifact, tenant=tenant, due_time=due_time))


def drop_note(session: Session, artifact: str) -> None:
    """Drop the note of a prefix: a row refers to it from now on, or nothing is left of it."""
    session.execute(delete(ArtifactDeletionRow).where(ArtifactDeletionRow.artifact == artifact))
