"""Detection of a file's format from its beginning."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from foreword.data.columns import Columns
from foreword.data.csv_header import is_header, separator_line
from foreword.data.line_ends import LINE_END
from foreword.data.record import fault
from foreword.domain.report import Finding

FORMATS = ("jsonl", "json", "csv")
"""Supported formats."""

HEAD_BYTES = 1 << 16
"""Maximum number of bytes that are examined."""

_OBJECT = re.compile(rb"""\{\s*["'}]""")
_LIST_OF_OBJECTS = re.compile(rb'"([^"\\]{0,200})"\s*:\s*(\[)\s*\{')
# What pandas writes with orient="index": {"0": {"input": ...
_ROWS_BY_NUMBER = re.compile(rb'\{\s*"0"\s*:\s*\{\s*"[^"\\]{1,200}"\s*:')
# What pandas writes without orient="records": {"input": {"0": ..., and {"columns": [...
_COLUMNS_OF_VALUES = re.compile(rb'\{\s*(?:"[^"\\]{1,200}"\s*:\s*\{\s*"0"\s*:|"columns"\s*:\s*\[)')
_MARKS = re.compile(rb'\\.|["{}\[\]]')
_FOREIGN = (
    (b"\xff\xfe\x00\x00", "is UTF-32 text", "Save it as UTF-8."),
    (b"\xff\xfe", "is UTF-16 text", "Save it as UTF-8."),
    (b"\xfe\xff", "is UTF-16 text", "Save it as UTF-8."),
    (b"PK\x03\x04", "is a spreadsheet or an archive", "Save a spreadsheet as CSV UTF-8; unpack an archive."),
    (b"\x1f\x8b", "is compressed with gzip", "Decompress it."),
    (b"PAR1", "is a Parquet file", "Name it .parquet, or convert it with foreword data convert."),
    (b"%PDF", "is a PDF file", "Save the rows as JSONL or CSV."),
)


def foreign_file(head: bytes) -> Finding | None:
    """Return a finding if the first 4 bytes show that a file is not UTF-8 text."""
    for magic, name, remedy in _FOREIGN:
        if head.startswith(magic):
            return fault("NOT_UTF8_TEXT", f"The file {name}.", remedy)
    if b"\x00" in head[:4]:
        return fault("NOT_UTF8_TEXT", "The file begins with NUL bytes, so it is not UTF-8 text.", "Save it as UTF-8.")
    return None


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of a file.

    Attributes:
        format: One of `FORMATS`.
        over_lines: Whether its objects are one after another, not one per line.
        key: Key of the list of rows inside the object that is the file; None if there is no such object.
        start: Number of bytes before the first row or the list of rows.
    """

    format: str
    over_lines: bool = False
    key: str | None = None
    start: int = 0


def detect_layout(head: bytes, *, whole: bool, columns: Columns) -> Layout | Finding | None:
    """Return the layout of a file from its beginning, without the byte order mark.

    Args:
        whole: Whether no more bytes are considered: the file ends here, or `HEAD_BYTES` was reached.

    Returns:
        The layout; a finding if it is one that has no rows; None if more of the file is needed.
    """
    start = head.lstrip()
    if start.startswith(b"["):
        return Layout("json")
    if start.startswith(b"{"):
        value, end = _first_value(start)
        # If something follows the first object, the layout is known.
        if whole or (value is not None and start[end:].strip()):
            return _layout_of_objects(start, value, end, len(head) - len(start), columns)
        return None
    if not whole:
        return None
    lines = [line.strip() for line in start[:HEAD_BYTES].splitlines()[:6]]
    if not lines:
        return Layout("jsonl")
    first = lines[1] if separator_line(lines[0]) and len(lines) > 1 else lines[0]
    # A file whose first line is broken is still JSONL if one of the next lines is an object.
    return Layout("jsonl" if not is_header(first, columns) and any(map(_OBJECT.match, lines)) else "csv")


def _layout_of_objects(
    head: bytes, value: dict[str, Any] | None, end: int, skipped: int, columns: Columns
) -> Layout | Finding:
    """Return the layout of a file that begins with an object.

    Args:
        value: The object; None if it is not whole.
        end: Where it ends.
        skipped: Number of bytes before it.
    """
    is_row = value is not None and any(name in value for name in columns.find(value))
    if not is_row and _ROWS_BY_NUMBER.match(head):
        return _rows_as_columns("rows by their number instead of a list of rows")
    line = LINE_END.search(head)
    first, rest = (head[: line.start()], head[line.end() :].lstrip()) if line else (head, b"")
    if value is None:
        if _COLUMNS_OF_VALUES.match(head):
            return _rows_as_columns()
        inner = _list_of_rows(head, columns)
        if inner is not None:
            key, place = inner
            return Layout("json", key=key, start=skipped + place)
        # A line that is broken is a fault of its own if another object begins on the next one.
        return Layout("jsonl", over_lines=bool(rest) and not _is_closed(first) and not rest.startswith(b"{"))
    names = [value.get(name) for name in columns.find(value)]
    if not head[end:].strip() and (
        all(isinstance(item, dict) or (isinstance(item, list) and len(item) > 1) for item in names)
        or {"columns", "data"} <= value.keys()
    ):
        return _rows_as_columns()
    if all(column is None for column in names):
        inner = _list_of_rows(head[:end], columns)
        if inner is not None:
            key, place = inner
            return Layout("json", key=key, start=skipped + place)
    follows = head[end:].lstrip(b" \t,")
    return Layout("jsonl", over_lines=LINE_END.search(head[:end]) is not None or follows.startswith(b"{"))


def _rows_as_columns(content: str = "columns, not the rows") -> Finding:
    return fault(
        "ROWS_AS_COLUMNS",
        f"The file is one object that holds the {content}.",
        "Write one object per row; with pandas: to_json(path, orient='records', lines=True).",
    )


def _first_value(head: bytes) -> tuple[dict[str, Any] | None, int]:
    """Return the object at the start and where it ends; None if it is not whole."""
    text = head.decode("utf-8", "replace")
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None, 0
    return value, len(text[:end].encode())


def _list_of_rows(head: bytes, columns: Columns) -> tuple[str, int] | None:
    """Return the key and the place of a list in an object whose first element is a row."""
    for match in _LIST_OF_OBJECTS.finditer(head):
        if all(f'"{name}"'.encode() in head[: match.start()] for name in columns.names):
            break  # the object is a row itself
        element, _ = _first_value(head[match.end() - 1 :])
        keys = element.keys() if element else {name for name in columns.names if f'"{name}"'.encode() in head}
        if all(name in keys for name in columns.find(keys)):
            return match[1].decode("utf-8", "replace"), match.start(2)
    return None


def _is_closed(line: bytes) -> bool:
    """Return whether a line closes as many braces as it opens, or ends inside of a text."""
    depth, inside = 0, False
    for mark in _MARKS.findall(line):
        if mark == b'"':
            inside = not inside
        elif not inside and len(mark) == 1:
            depth += 1 if mark in b"{[" else -1
    return depth <= 0 or inside
