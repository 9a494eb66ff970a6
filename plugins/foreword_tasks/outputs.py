"""The distinct outputs of a file, from which everything about its labels can be computed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from foreword.domain.dataset import Row
from foreword.domain.report import MAX_ROWS_PER_FINDING

MAX_OUTPUTS: Final = 50_000
"""Maximum number of distinct outputs; labels recur, so a file with more of them has no labels."""

MAX_OUTPUT_BYTES: Final = 16_000_000
"""Maximum memory of the distinct outputs together."""


@dataclass(slots=True)
class Output:
    """An output and the rows that have it.

    Attributes:
        count: Number of rows.
        numbers: The first 20 rows.
    """

    text: str
    count: int = 0
    numbers: list[int] = field(default_factory=list)


class Outputs:
    """The distinct outputs of the rows so far, in the order of their first rows.

    Memory is bounded: beyond the limits, only the rows are counted.
    """

    def __init__(self) -> None:
        self._found: dict[str, Output] = {}
        self._byte_count = 0
        self.row_count = 0
        self.too_many = False

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Self:
        """Return the outputs of rows."""
        outputs = cls()
        for row in rows:
            outputs.add(row)
        return outputs

    def add(self, row: Row) -> None:
        """Count the output of a row."""
        self.row_count += 1
        output = self._found.get(row.output)
        if output is None:
            if self.too_many:
                return
            output = self._found[row.output] = Output(row.output)
            self._byte_count += sys.getsizeof(row.output)
            if len(self._found) > MAX_OUTPUTS or self._byte_count > MAX_OUTPUT_BYTES:
                self.too_many = True
                self._found.clear()
                return
        output.count += 1
        if len(output.numbers) < MAX_ROWS_PER_FINDING:
            output.numbers.append(row.number)

    def __iter__(self) -> Iterator[Output]:
        """Iterate over the outputs; there are none beyond the limits."""
        return iter(self._found.values())

    @property
    def texts(self) -> Sequence[str]:
        """The distinct outputs."""
        return tuple(self._found)
