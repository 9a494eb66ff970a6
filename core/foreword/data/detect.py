"""Tells the format of a file from how it begins."""

from __future__ import annotations

import re

from foreword.data.csv_records import is_header
from foreword.data.record import fault
from foreword.domain.report import Finding

FORMATS = ("jsonl", "json", "csv")
"""Formats that can be read."""

HEAD_BYTES = 1 << 16
"""Bytes that are looked at, at most."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_OBJECT = re.compile(rb"""\{\s*["'}]""")
_FOREIGN = (
    (b"\xff\xfe", "is UTF-16 or UTF-32 text", "Save it as UTF-8."),
    (b"\xfe\xff", "is UTF-16 text", "Save it as UTF-8."),
    (b"PK\x03\x04", "is a spreadsheet or an archive", "Save it as CSV UTF-8, or unpack it."),
    (b"\x1f\x8b", "is compressed with gzip", "Unpack it."),
    (b"PAR1", "is a Parquet file", "Write it as JSONL or CSV."),
    (b"%PDF", "is a PDF file", "Write the rows as JSONL or CSV."),
)


def foreign_file(head: bytes) -> Finding | None:
    """The finding for a file that is no UTF-8 text at all, by its first 4 bytes."""
    for magic, name, remedy in _FOREIGN:
        if head.startswith(magic):
            return fault("NOT_UTF8_TEXT", f"The file {name}.", remedy)
    if b"\x00" in head[:4]:
        return fault("NOT_UTF8_TEXT", "The file begins with NUL bytes, so it is not UTF-8 text.", "Save it as UTF-8.")
    return None


def detect_format(head: bytes, *, whole: bool) -> str | None:
    """The format of a file that begins like this, byte order mark left out.

    Args:
        whole: Whether more bytes would not change the answer: the file ends here, or `HEAD_BYTES` were reached.

    Returns:
        One of `FORMATS`; None when more of the file is needed.
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
    # A file whose first line is broken is still JSONL when one of the next lines is an object.
    return "jsonl" if not is_header(lines[0]) and any(map(_OBJECT.match, lines)) else "csv"
