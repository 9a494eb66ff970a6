"""The statistics of rows, from whose sums the metrics of any selection of rows follow."""

from __future__ import annotations

import base64
import json
import zlib
from array import array
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from foreword.plugin.interfaces import Answer, Schema, Task

# Legend: N rows, U distinct rows of statistics, S statistics, R selections of rows.
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_DENSE_ELEMENTS: Final = 4_000_000
"""Maximum number of elements of a table with all zeros: 32 MB."""
_PIECE_OPERATIONS: Final = 20_000_000
"""Multiplications of one piece of work: about 20 ms on one core."""


class RowStatistics:
    """The statistics of the rows of one system, as `Task.row_statistics` returns them.

    Rows with the same statistics are stored once, and zeros are not stored: 100,000 rows of 3,000 statistics, of which
    almost all are zero, take a few megabytes.
    """

    def __init__(self) -> None:
        self._patterns: dict[bytes, int] = {}
        self._pattern_of_rows = array("q")
        self._lengths = array("q")
        self._columns = array("q")
        self._values = array("d")
        self._width: int | None = None

    @classmethod
    def of(
        cls,
        task: Task,
        answers: Iterable[tuple[Answer, str]],
        schema: Schema,
        *,
        check: Callable[[], None] = lambda: None,
    ) -> Self | None:
        """Return the statistics of answers, or None if the task has none.

        Args:
            answers: Each answer with the output of its row.
            check: Called for every row; raises an error to stop.
        """
        found = cls()
        for answer, reference in answers:
            check()
            statistics = task.row_statistics(answer, reference, schema)
            if statistics is None:
                return None
            found.add(statistics)
        return found

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._pattern_of_rows)

    def add(self, statistics: Sequence[float]) -> None:
        """Add the next row.

        Raises:
            ValueError: It has another number of statistics than the rows before, or one that is not finite.
        """
        if self._width is None:
            self._width = len(statistics)
        if len(statistics) != self._width:
            raise ValueError(
                f"row {len(self) + 1} has {len(statistics)} statistics, but the rows before have {self._width}; "
                "row_statistics must return equally many for every row"
            )
        values = np.frombuffer(array("d", statistics))
        if not np.isfinite(values).all():
            raise ValueError(
                f"row {len(self) + 1} has statistics that are not finite; row_statistics must return finite numbers"
            )
        columns = np.flatnonzero(values)
        digest = blake2b(columns.tobytes() + values[columns].tobytes(), digest_size=16).digest()
        pattern = self._patterns.setdefault(digest, len(self._patterns))
        self._pattern_of_rows.append(pattern)
        if pattern == len(self._lengths):
            self._lengths.append(len(columns))
            self._columns.frombytes(columns.astype(np.int64).tobytes())
            self._values.frombytes(values[columns].tobytes())

    @property
    def width(self) -> int:
        """Number of statistics of a row; 0 without rows."""
        return self._width or 0

    def to_text(self, schema: Schema) -> str:
        """Return the rows as a text to store: compressed JSON in Base64.

        Args:
            schema: The schema of the task by which they were made.
        """
        document = {
            "schema": schema,
            "width": self.width,
            "rows": self._pattern_of_rows.tolist(),
            "lengths": self._lengths.tolist(),
            "columns": self._columns.tolist(),
            "values": self._values.tolist(),
        }
        return base64.b64encode(zlib.compress(json.dumps(document).encode())).decode()

    @classmethod
    def from_text(cls, text: str) -> tuple[Self, Schema]:
        """Return the rows that `to_text` wrote, and their schema. No rows can be added to them."""
        document = json.loads(zlib.decompress(base64.b64decode(text)))
        found = cls()
        found._width = document["width"]
        found._pattern_of_rows.extend(document["rows"])
        found._lengths.extend(document["lengths"])
        found._columns.extend(document["columns"])
        found._values.extend(document["values"])
        return found, document["schema"]

    def table(self) -> StatisticsTable:
        """Return the rows in a form for fast sums."""
        return StatisticsTable(
            pattern_N=np.array(self._pattern_of_rows, dtype=np.int64),
            lengths=np.array(self._lengths, dtype=np.int64),
            columns=np.array(self._columns, dtype=np.int64),
            values=np.array(self._values, dtype=np.float64),
            width=self._width or 0,
        )


class StatisticsTable:
    """The distinct rows of statistics, for sums over selections of rows.

    Attributes:
        pattern_N: Which of the distinct rows each row is.
        size: Number of distinct rows.

    Args:
        lengths: Number of the statistics of each distinct row that are not 0.
        columns: Their places, one distinct row after the other.
        values: Their values.
    """

    def __init__(
        self, *, pattern_N: Integers, lengths: Integers, columns: Integers, values: Floats, width: int
    ) -> None:
        self.pattern_N = pattern_N
        self.size = len(lengths)
        self._width = width
        self._owners = np.repeat(np.arange(self.size), lengths)
        self._columns = columns
        self._values = values
        self._starts = np.concatenate([[0], np.cumsum(lengths)])
        self._dense_US: Floats | None = None
        if self.size * width <= _DENSE_ELEMENTS:
            self._dense_US = np.zeros((self.size, width))
            self._dense_US[self._owners, self._columns] = self._values

    @property
    def piece(self) -> int:
        """Number of selections, each as large as all rows, that are counted and summed in about 20 ms."""
        # A term of a sparse sum takes as long as five of a matrix product; a counted row, as long as ten.
        terms = 5 * len(self._values) if self._dense_US is None else self._dense_US.size
        return max(1, _PIECE_OPERATIONS // max(1, terms, 10 * len(self.pattern_N)))

    def counts(self, rows: Integers) -> Integers:
        """Return how often each distinct row is among the rows at these places, which may repeat.

        Shape:
            Returns `[U]`.
        """
        return np.bincount(self.pattern_N[rows], minlength=self.size)

    def row(self, pattern: int) -> list[float]:
        """Return the statistics of a distinct row."""
        found = [0.0] * self._width
        part = slice(self._starts[pattern], self._starts[pattern + 1])
        for column, value in zip(self._columns[part].tolist(), self._values[part].tolist(), strict=True):
            found[column] = value
        return found

    def sums(self, counts_RU: Integers) -> list[list[float]]:
        """Return the sums of the statistics over selections of rows, which are given as `counts`.

        Shape:
            counts_RU: `[R, U]`. Returns R lists of S sums.
        """
        if self._dense_US is not None:
            dense: list[list[float]] = (counts_RU.astype(np.float64) @ self._dense_US).tolist()
            return dense
        return [
            np.bincount(self._columns, weights=self._values * counts_U[self._owners], minlength=self._width).tolist()
            for counts_U in counts_RU
        ]
