"""The stored form of rows: JSONL with the keys input and output, in UTF-8, every line ended by a line feed."""

from __future__ import annotations

import json
from collections.abc import Iterable

from foreword.domain.dataset import Row
from foreword.errors import ArtifactError


def write_rows(rows: Iterable[Row]) -> bytes:
    """The stored form; equal rows give equal bytes, so its hash names the content."""
    return b"".join(
        json.dumps({"input": row.input, "output": row.output}, ensure_ascii=False).encode() + b"\n" for row in rows
    )


def read_rows(canonical: bytes) -> tuple[Row, ...]:
    """Reads what `write_rows` wrote; rows are numbered from 1.

    Raises:
        ArtifactError: The bytes are something else.
    """
    rows = []
    # Not splitlines: it would also split bytes at a lone carriage return.
    lines = canonical.removesuffix(b"\n").split(b"\n") if canonical else []
    for number, line in enumerate(lines, 1):
        try:
            value = json.loads(line)
            rows.append(Row(number=number, input=value["input"], output=value["output"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"Row {number} of a stored dataset cannot be read; upload the file again.") from error
    return tuple(rows)
