"""Storage of files together with the row that refers to them, or not at all.

The database and the artifact store share no transaction. A publication takes these steps, so that a process can die
between any two of them without leaving files behind:

1. Note the key for deletion in a day (`ArtifactDeletions.begin_write`).
2. Write the files.
3. Commit the row that refers to them. The same transaction drops the note.
4. If the note is still there, no row refers to the files: delete them.

If the database or the store is unavailable, it is unknown whether the row was committed. `ArtifactDeletions.delete_due`
then performs step 4: it finds the note in a day if the row was not committed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from foreword.errors import UnavailableError
from foreword.observability.logging import get_logger
from foreword.storage.artifacts.deletions import ArtifactDeletions
from foreword.storage.artifacts.store import ArtifactStore, Content
from foreword.storage.database import Database

_log = get_logger("artifacts")


class ArtifactPublisher:
    """A publisher of artifacts. Methods block."""

    def __init__(self, *, database: Database, artifacts: ArtifactStore) -> None:
        self._artifacts = artifacts
        self._deletions = ArtifactDeletions(database=database, artifacts=artifacts)

    @contextmanager
    def reserve(self, tenant: str, prefix: str) -> Iterator[None]:
        """Run a block that writes files below a new prefix, and commits the rows which refer to them.

        It is like `publish` for artifacts of which each has a key below the prefix.

        Raises:
            UnavailableError: The database or the artifact store is unavailable.
        """
        try:
            self._deletions.begin_write(tenant, prefix)
            yield
        except UnavailableError:
            raise
        except BaseException:
            self._delete_unless_referred(prefix)
            raise
        self._delete_unless_referred(prefix)

    @contextmanager
    def publish(self, tenant: str, artifact: str, files: Mapping[str, Content]) -> Iterator[None]:
        """Write files, then run a block that commits the row which refers to them.

        The files are kept if the block committed such a row. Otherwise they are deleted, whether the block raised or
        had nothing to commit. After an UnavailableError they are kept for a day, because the commit may have succeeded.

        Args:
            artifact: New key, from `artifact_keys`.
            files: Contents by file name.

        Raises:
            UnavailableError: The database or the artifact store is unavailable.
        """
        with self.reserve(tenant, artifact):
            self._artifacts.write(artifact, files)
            yield

    def restore(self, artifact: str, files: Mapping[str, Content]) -> None:
        """Write the files of an existing row again if the store has lost any of them.

        Raises:
            UnavailableError: The artifact store is unavailable.
        """
        if not files.keys() <= set(self._artifacts.names(artifact)):
            self._artifacts.delete(artifact)  # what is left of it
            self._artifacts.write(artifact, files)

    def _delete_unless_referred(self, artifact: str) -> None:
        try:
            if self._deletions.is_noted(artifact):
                self._deletions.delete(artifact)
        except UnavailableError:
            # The outcome of the publication is already decided. If the note exists, the files are deleted in a day.
            _log.warning("artifact_deletion_put_off", artifact=artifact)
