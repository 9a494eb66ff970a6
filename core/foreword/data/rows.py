"""The stored form of rows: JSONL in UTF-8 with the keys input and output, each line ended by a line feed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from foreword.domain.dataset import Row
from foreword.errors import ArtifactError

_encode = json.JSONEncoder(ensure_ascii=False).encode  # `json.dumps` would create an encoder for every row


def write_rows(rows: Iterable[Row]) -> bytes:
    """Return the stored form of rows. Equal rows give equal bytes, so their hash identifies the content."""
    return b"".join(map(write_row, rows))


def write_row(row: Row) -> bytes:
    """Return the stored form of a row."""
    return f'{{"input": {_encode(row.input)}, "output": {_encode(row.output)}}}\n'.encode()


def read_rows(lines: Iterable[bytes], first: int = 1) -> Iterator[Row]:
    """Read rows that `write_rows` wrote, one at a time.

    Args:
        lines: The stored lines, such as a binary file.
        first: Number of the first row.

    Raises:
        ArtifactError: The lines are not the stored form of rows.
    """
    for number, line in enumerate(lines, first):
        try:
            value = json.loads(line)
            row = Row(number=number, input=value["input"], output=value["output"])
        except (ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"Row {number} of a stored dataset cannot be read; upload the file again.") from error
        yield row
