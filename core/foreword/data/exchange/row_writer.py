"""Files of rows as JSONL, a JSON array or CSV, which uploads and checks read."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

from foreword.data.record import COLUMNS
from foreword.domain.dataset import Row
from foreword.errors import InvalidArgumentError

WRITTEN: Final = (".jsonl", ".json", ".csv")
"""File name extensions of the formats that can be written."""


def check_extension(field: str, path: Path) -> None:
    """Check the extension of a file that is to be written.

    Raises:
        InvalidArgumentError: It names no format.
    """
    if path.suffix.lower() not in WRITTEN:
        raise InvalidArgumentError.of(field, f"{path.name!r} must end in {', '.join(WRITTEN)}, which sets the format")


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Write a text file that appears, or replaces another one, only when it is whole. Line ends are line feeds."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_row_file(path: Path, rows: Iterable[Row], others: Sequence[str] = ()) -> int:
    """Write rows to a file in the format of its extension, and return their number. Memory holds one row.

    Args:
        path: A path that `check_extension` accepts.
        others: Names of the other fields of the rows, which are the columns of CSV after input and output.
    """
    count = 0
    with whole_file(path) as file:
        write = _WRITERS[path.suffix.lower()](file, others)
        for row in rows:
            write.row({"input": row.input, "output": row.output, **(json.loads(row.fields) if row.fields else {})})
            count += 1
        write.end()
    return count


class _Lines:
    def __init__(self, file: TextIO, others: Sequence[str]) -> None:
        self._file = file

    def row(self, record: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def end(self) -> None:
        """Write nothing: the last line is ended."""


class _Array:
    def __init__(self, file: TextIO, others: Sequence[str]) -> None:
        self._file = file
        self._before = "[\n  "

    def row(self, record: Mapping[str, Any]) -> None:
        self._file.write(self._before + json.dumps(record, ensure_ascii=False))
        self._before = ",\n  "

    def end(self) -> None:
        self._file.write("\n]\n" if self._before.startswith(",") else "[]\n")


class _Table:
    """CSV (RFC 4180). Values of other fields that are no texts are written as JSON, missing ones as empty cells."""

    def __init__(self, file: TextIO, others: Sequence[str]) -> None:
        self._columns = (*COLUMNS, *others)
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow(self._columns)

    def row(self, record: Mapping[str, Any]) -> None:
        self._writer.writerow([_cell(record.get(column)) for column in self._columns])

    def end(self) -> None:
        """Write nothing: the last record is ended."""


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_WRITERS: Final[Mapping[str, type[_Lines] | type[_Array] | type[_Table]]] = {
    ".jsonl": _Lines,
    ".json": _Array,
    ".csv": _Table,
}
