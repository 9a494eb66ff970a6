"""The rows of a large dataset as a sequence that stays on disk."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import IO, overload

from foreword.data.rows import read_rows
from foreword.domain.dataset import Row


class RowFile(Sequence[Row]):
    """Rows that are read when they are needed; only their places, 8 bytes each, are in memory.

    Iterating over all rows parses them again each time.

    Args:
        file: The stored rows, seekable. It must stay open.
        check: Called for each row that is read; raises an error to stop.

    Raises:
        ArtifactError: The file is not what was stored.
    """

    def __init__(self, file: IO[bytes], check: Callable[[], None] = lambda: None) -> None:
        self._file = file
        self._check = check
        self._offsets = array("Q")
        offset = 0
        for line in file:
            check()
            self._offsets.append(offset)
            offset += len(line)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._offsets)

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...

    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        """Read a row, or a list of rows."""
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        self._check()
        number = range(len(self))[place]
        self._file.seek(self._offsets[number])
        (row,) = read_rows([self._file.readline()], number + 1)
        return row

    def __iter__(self) -> Iterator[Row]:
        """Read all rows in order. Other rows may be read meanwhile."""
        for number, offset in enumerate(self._offsets):
            self._check()
            if self._file.tell() != offset:
                self._file.seek(offset)
            yield from read_rows([self._file.readline()], number + 1)
