"""A sample of the rows of a file, for decisions that need not see all of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Final, Self

from foreword.domain.dataset import Row

MAX_SAMPLE_ROWS: Final = 10_000
MAX_SAMPLE_BYTES: Final = 8_000_000
"""Maximum memory of the texts in a sample."""


class RowSample:
    """Rows from all parts of a file: all of them if they are few, else every second, every fourth and so on.

    The same rows always give the same sample. Memory is bounded by `MAX_SAMPLE_BYTES` and one row.
    """

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._byte_count = 0
        self._step = 1
        self._row_count = 0

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Self:
        """Return a sample of rows."""
        sample = cls()
        for row in rows:
            sample.add(row)
        return sample

    def add(self, row: Row) -> None:
        """Take the next row of the file into account."""
        place = self._row_count
        self._row_count += 1
        if place % self._step:
            return
        self._rows.append(row)
        self._byte_count += _size(row)
        while len(self._rows) > 1 and (len(self._rows) > MAX_SAMPLE_ROWS or self._byte_count > MAX_SAMPLE_BYTES):
            del self._rows[1::2]
            self._byte_count = sum(map(_size, self._rows))
            self._step *= 2

    @property
    def rows(self) -> Sequence[Row]:
        """The rows of the sample, in the order of the file."""
        return self._rows

    @property
    def is_complete(self) -> bool:
        """True if the sample has all rows."""
        return len(self._rows) == self._row_count

    @property
    def row_count(self) -> int:
        """Number of rows from which the sample was taken."""
        return self._row_count


def _size(row: Row) -> int:
    return sys.getsizeof(row.input) + sys.getsizeof(row.output)
