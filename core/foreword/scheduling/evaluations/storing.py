"""The last stage of an evaluation: its rows are stored together with its end."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from foreword.domain.evaluation import AnsweredRow, AnswerRowsFile, Evaluation
from foreword.scheduling.workshop import Workshop
from foreword.storage.artifacts.keys import evaluation_rows_key
from foreword.storage.artifacts.publication import ArtifactPublisher
from foreword.storage.repositories.answered_rows import answered_row_line
from foreword.storage.repositories.dataset_rows import rows_files


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRows:
    """The rows of an evaluation in a temporary file.

    Attributes:
        file: The rows, one per line, seekable.
        row_count: Number of rows.
        byte_size: Their size in bytes.
        sha256: SHA-256 of the file, in hexadecimal.
    """

    file: IO[bytes]
    row_count: int
    byte_size: int
    sha256: str

    def publish(self, workshop: Workshop, evaluation: Evaluation, commit: Callable[[AnswerRowsFile], None]) -> None:
        """Store the rows, and run what commits the row of the database that refers to them.

        Raises:
            UnavailableError: The database or the artifact store is unavailable.
        """
        files, blocks_sha256 = rows_files(self.file)
        artifact = evaluation_rows_key(evaluation.tenant, evaluation.id, self.sha256)
        stored = AnswerRowsFile(
            artifact=artifact, byte_size=self.byte_size, blocks_sha256=blocks_sha256, row_count=self.row_count
        )
        publisher = ArtifactPublisher(database=workshop.database, artifacts=workshop.artifacts)
        with publisher.publish(evaluation.tenant, artifact, files):
            commit(stored)


@contextmanager
def write_rows(rows: Iterable[AnsweredRow], folder: Path, check: Callable[[], None]) -> Iterator[WrittenRows]:
    """Write rows to a temporary file for the duration of the block.

    Args:
        folder: Existing folder for the file, which can be larger than the folder for temporary files of the system.
        check: Called for each row; raises an error to stop.
    """
    digest, count, size = hashlib.sha256(), 0, 0
    with tempfile.TemporaryFile(dir=folder) as file:
        for row in rows:
            check()
            line = answered_row_line(row)
            file.write(line)
            digest.update(line)
            count += 1
            size += len(line)
        file.seek(0)
        yield WrittenRows(file=file, row_count=count, byte_size=size, sha256=digest.hexdigest())
