"""Detection of a file's format from its beginning."""

from __future__ import annotations

import re
from collections.abc import Sequence

from foreword.data.csv_header import is_header
from foreword.data.record import COLUMNS, fault
from foreword.domain.report import Finding

FORMATS = ("jsonl", "json", "csv")
"""Supported formats."""

HEAD_BYTES = 1 << 16
"""Maximum number of bytes that are examined."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_OBJECT = re.compile(rb"""\{\s*["'}]""")
_FOREIGN = (
    (b"\xff\xfe", "is UTF-16 or UTF-32 text", "Save it as UTF-8."),
    (b"\xfe\xff", "is UTF-16 text", "Save it as UTF-8."),
    (b"PK\x03\x04", "is a spreadsheet or an archive", "Save a spreadsheet as CSV UTF-8; unpack an archive."),
    (b"\x1f\x8b", "is compressed with gzip", "Decompress it."),
    (b"PAR1", "is a Parquet file", "Convert it to JSONL or CSV."),
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


def detect_format(head: bytes, *, whole: bool, columns: Sequence[str] = COLUMNS) -> str | None:
    """Return the format of a file from its beginning, without the byte order mark.

    Args:
        columns: The columns that the file must have.
        whole: Whether no more bytes are considered: the file ends here, or `HEAD_BYTES` was reached.

    Returns:
        One of `FORMATS`; None if more of the file is needed.
    """
    start = head.lstrip()
    if start.startswith(b"["):
        return "json"
    if start.startswith(b"{"):
        return "jsonl"
    if not whole:
        return None
    lines = [line.strip() for line in start[:HEAD_BYTES].splitlines()[:6]]
    if not lines:
        return "jsonl"
    # A file whose first line is broken is still JSONL if one of the next lines is an object.
    return "jsonl" if not is_header(lines[0], columns) and any(map(_OBJECT.match, lines)) else "csv"
