"""The stored form of rows: JSONL in UTF-8 with the keys input and output, each line ended by a line feed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from foreword.domain.dataset import Row
from foreword.errors import ArtifactError


def write_rows(rows: Iterable[Row]) -> bytes:
    """Return the stored form of rows. Equal rows give equal bytes, so their hash identifies the content."""
    return b"".join(
        json.dumps({"input": row.input, "output": row.output}, ensure_ascii=False).encode() + b"\n" for row in rows
    )


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
