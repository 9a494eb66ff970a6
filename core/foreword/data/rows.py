"""The stored form of rows: JSONL in UTF-8 with the keys input and output, each line ended by a line feed."""

from __future__ import annotations

import json
from collections.abc import Iterable

from foreword.domain.dataset import Row
from foreword.errors import ArtifactError


def write_rows(rows: Iterable[Row]) -> bytes:
    """Return the stored form of rows. Equal rows give equal bytes, so their hash identifies the content."""
    return b"".join(
        json.dumps({"input": row.input, "output": row.output}, ensure_ascii=False).encode() + b"\n" for row in rows
    )


def read_rows(canonical: bytes) -> tuple[Row, ...]:
    """Read rows that `write_rows` wrote, numbered from 1.

    Raises:
        ArtifactError: The bytes are not the stored form of rows.
    """
    rows = []
    # Not splitlines, which would also split bytes at a lone carriage return.
    lines = canonical.removesuffix(b"\n").split(b"\n") if canonical else []
    for number, line in enumerate(lines, 1):
        try:
            value = json.loads(line)
            rows.append(Row(number=number, input=value["input"], output=value["output"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"Row {number} of a stored dataset cannot be read; upload the file again.") from error
    return tuple(rows)
