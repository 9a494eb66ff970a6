"""The rows of a dataset as a sequence, for plans: in memory or, if there are many, on disk. It blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Final

from foreword.data.row_file import RowFile
from foreword.data.rows import read_rows
from foreword.domain.dataset import Dataset, Row
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.repositories.dataset_rows import open_rows
from foreword.turns.cancellation import give_way

_MAX_BYTES_IN_MEMORY: Final = 16_000_000


@contextmanager
def open_row_sequence(artifacts: ArtifactStore, dataset: Dataset) -> Iterator[Sequence[Row]]:
    """Return the rows of a dataset, which can be read for the duration of the block.

    Raises:
        ArtifactError: The rows are missing, or are not those that were uploaded. Reading raises it too.
        CancelledError: The caller has gone; see `give_way`.
    """
    with open_rows(artifacts, dataset) as file:
        # Reading a large dataset several times takes longer, but parsed rows take several times its size.
        yield RowFile(file, give_way) if dataset.byte_size > _MAX_BYTES_IN_MEMORY else _rows(file)


def _rows(file: IO[bytes]) -> tuple[Row, ...]:
    """Read all rows, unless the caller goes meanwhile."""
    rows: list[Row] = []
    for row in read_rows(file):
        give_way()
        rows.append(row)
    return tuple(rows)
