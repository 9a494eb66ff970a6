"""Publication: files are stored together with the row that refers to them, or not at all.

The database and the artifact store share no transaction. A publication takes these steps, so that a process may die
between any two of them:

1. Note the key for deletion in a day (`ArtifactDeletions.begin_write`).
2. Write the files.
3. Commit the row that refers to them. The same transaction drops the note.
4. If the note is still there, no row refers to the files: delete them.

When the database or the store is away, nobody knows whether the row was committed. Step 4 is then left to
`ArtifactDeletions.delete_due`, which finds the note in a day if the row was not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from foreword.errors import UnavailableError
from foreword.observability.logging import get_logger
from foreword.storage.artifacts import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.deletions import ArtifactDeletions

_log = get_logger("artifacts")


class ArtifactPublisher:
    """Publishes artifacts. Methods block."""

    def __init__(self, *, database: Database, artifacts: ArtifactStore) -> None:
        self._artifacts = artifacts
        self._deletions = ArtifactDeletions(database=database, artifacts=artifacts)

    @contextmanager
    def publish(self, tenant: str, artifact: str, files: Mapping[str, bytes]) -> Iterator[None]:
        """Write files, then run a block that commits the row referring to them.

        The files stay if the block committed such a row, and go if it did not, whether it raised or found that there
        was nothing to commit. After an UnavailableError they stay for a day, as the commit may have happened.

        Args:
            artifact: New key, from `artifact_keys`.
            files: Contents by file name.

        Raises:
            UnavailableError: The database or the artifact store is away.
        """
        try:
            self._deletions.begin_write(tenant, artifact)
            self._artifacts.write(artifact, files)
            yield
        except UnavailableError:
            raise
        except BaseException:
            self._delete_unless_referred(artifact)
            raise
        self._delete_unless_referred(artifact)

    def restore(self, artifact: str, files: Mapping[str, bytes]) -> None:
        """Write files that a row refers to again if the store has lost them.

        Raises:
            UnavailableError: The artifact store is away.
        """
        if not self._artifacts.exists(artifact):
            self._artifacts.write(artifact, files)

    def _delete_unless_referred(self, artifact: str) -> None:
        try:
            if self._deletions.is_noted(artifact):
                self._deletions.delete(artifact)
        except UnavailableError:
            # The publication has its outcome already; the note, if it is there, deletes the files in a day.
            _log.warning("artifact_deletion_put_off", artifact=artifact)
