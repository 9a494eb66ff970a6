"""Files of rows as JSONL, a JSON array or CSV, which uploads and checks read."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from foreword.data.columns import COLUMNS
from foreword.data.exchange.formulas import escaped, is_formula
from foreword.domain.dataset import Row
from foreword.errors import InvalidArgumentError

WRITTEN: Final = (".jsonl", ".json", ".csv")
"""File name extensions of the formats that can be written."""

_encode: Final = json.JSONEncoder(ensure_ascii=False).encode


def check_extension(field: str, path: Path) -> None:
    """Check the extension of a file that is to be written.

    Raises:
        InvalidArgumentError: It names no format.
    """
    if path.suffix.lower() not in WRITTEN:
        raise InvalidArgumentError.of(field, f"{path.name!r} must end in {', '.join(WRITTEN)}, which sets the format")


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Write a text file that appears, or replaces another one, only when it is whole. Line ends are not translated."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFile:
    """What was written.

    Attributes:
        row_count: Number of rows.
        formula_count: Number of cells that a spreadsheet would run as formulas, as they are not escaped.
    """

    row_count: int
    formula_count: int


def write_row_file(
    path: Path, rows: Iterable[Row], others: Sequence[str] = (), *, escape_formulas: bool = False
) -> WrittenFile:
    """Write rows to a file in the format of its extension. Memory holds one row.

    Args:
        path: A path that `check_extension` accepts.
        others: Names of the other fields of the rows, which are the columns of CSV after input and output.
        escape_formulas: Whether cells of CSV that are formulas get an apostrophe in front. Then they are other texts
            for whoever reads the file.
    """
    count = 0
    with whole_file(path) as file:
        writer = _WRITERS[path.suffix.lower()](file, others, escape_formulas)
        for row in rows:
            writer.write(row)
            count += 1
        writer.end()
    return WrittenFile(row_count=count, formula_count=writer.formula_count)


def other_names(rows: Iterable[Row]) -> tuple[str, ...]:
    """Return the names of the other fields of rows, in the order in which they occur first."""
    names: dict[str, None] = {}
    for row in rows:
        if row.fields:
            names |= dict.fromkeys(json.loads(row.fields))
    return tuple(names)


def row_cells(row: Row, others: Sequence[str]) -> list[str]:
    """Return the input, the output and the other fields of a row as texts.

    Values that are no texts are written as JSON, missing ones as empty texts.
    """
    fields = json.loads(row.fields, parse_float=str, parse_int=str) if row.fields else {}
    return [row.input, row.output, *(_cell(fields.get(name)) for name in others)]


def _record(row: Row) -> str:
    """Return a row as JSON; numbers in its other fields stay as they were written."""
    texts = f'{{"input": {_encode(row.input)}, "output": {_encode(row.output)}'
    return f"{texts}, {row.fields[1:]}" if row.fields else f"{texts}}}"


class _Lines:
    formula_count = 0

    def __init__(self, file: TextIO, others: Sequence[str], escape_formulas: bool) -> None:
        self._file = file

    def write(self, row: Row) -> None:
        self._file.write(_record(row) + "\n")

    def end(self) -> None:
        """Write nothing: the last line is ended."""


class _Array:
    formula_count = 0

    def __init__(self, file: TextIO, others: Sequence[str], escape_formulas: bool) -> None:
        self._file = file
        self._before = "[\n  "

    def write(self, row: Row) -> None:
        self._file.write(self._before + _record(row))
        self._before = ",\n  "

    def end(self) -> None:
        self._file.write("\n]\n" if self._before.startswith(",") else "[]\n")


class _Table:
    """CSV (RFC 4180)."""

    def __init__(self, file: TextIO, others: Sequence[str], escape_formulas: bool) -> None:
        self._others = others
        self._escapes = escape_formulas
        self.formula_count = 0
        self._writer = csv.writer(file)  # its CR LF lets it quote texts with either
        self._write((*COLUMNS, *others))

    def write(self, row: Row) -> None:
        self._write(row_cells(row, self._others))

    def _write(self, cells: Sequence[str]) -> None:
        if self._escapes:
            cells = [*map(escaped, cells)]
        else:
            self.formula_count += sum(map(is_formula, cells))
        self._writer.writerow(cells)

    def end(self) -> None:
        """Write nothing: the last record is ended."""


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _encode(value)


_WRITERS: Final[Mapping[str, type[_Lines] | type[_Array] | type[_Table]]] = {
    ".jsonl": _Lines,
    ".json": _Array,
    ".csv": _Table,
}
