"""The stored form of rows: JSONL in UTF-8, each line ended by a line feed.

A line has the keys `input` and `output`. It has `fields` if the row has other fields, and `row` if the row has
another number than the line, because blank lines of the file are not stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from foreword.domain.dataset import Row
from foreword.errors import ArtifactError

_NUMBER: Final = re.compile(rb', "row": (\d+)\}\n$')
_NUMBER_BYTES: Final = 32

_encode = json.JSONEncoder(ensure_ascii=False).encode  # `json.dumps` would create an encoder for every row
_decode = json.JSONDecoder().decode  # `json.loads` would look for other encodings


def write_rows(rows: Iterable[Row]) -> bytes:
    """Return the stored form of rows."""
    return b"".join(with_number(write_row(row), row.number, line) for line, row in enumerate(rows, 1))


def write_row(row: Row) -> bytes:
    """Return the stored form of a row whose number is that of its line.

    Equal rows give equal bytes, whatever their numbers, so the hash of these bytes identifies the content.
    """
    fields = f', "fields": {_encode(row.fields)}' if row.fields else ""
    return f'{{"input": {_encode(row.input)}, "output": {_encode(row.output)}{fields}}}\n'.encode()


def with_number(line: bytes, number: int, place: int) -> bytes:
    """Return what `write_row` returned with the number of the row, if it is needed.

    Args:
        place: Number of the line.
    """
    return line if number == place else line.removesuffix(b"}\n") + f', "row": {number}}}\n'.encode()


def number_of(line: bytes, place: int) -> int:
    """Return the number of the row in a stored line, without reading the rest of it.

    Args:
        place: Number of the line.
    """
    # Nothing else of a line ends so: the value before the brace is a text, and has a quotation mark there.
    found = _NUMBER.search(line[-_NUMBER_BYTES:])
    return int(found[1]) if found else place


def read_rows(lines: Iterable[bytes], first: int = 1) -> Iterator[Row]:
    """Read rows that `write_rows` wrote, one at a time.

    Args:
        lines: The stored lines, such as a binary file.
        first: Number of the first line.

    Raises:
        ArtifactError: The lines are not the stored form of rows.
    """
    for number, line in enumerate(lines, first):
        try:
            value = _decode(line.decode())
            row = Row(
                number=int(value.get("row", number)),
                input=value["input"],
                output=value["output"],
                fields=value.get("fields", ""),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtifactError(f"Row {number} of a stored dataset cannot be read; upload the file again.") from error
        yield row
