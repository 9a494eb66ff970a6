"""Findings about one record, and the row of a record with other fields."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from foreword.data.columns import COLUMNS
from foreword.data.other_fields import MAX_OTHER_BYTES, other_fields
from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity, excerpt

MAX_ROW_BYTES = 1 << 20
"""Maximum size of a row in the file, in bytes."""

MAX_NAMED_KEYS = 20
"""Maximum number of unknown keys that the findings about one row, or about a header, name."""


def example(columns: Sequence[str]) -> str:
    """Return a row with these columns as JSON, for a remedy."""
    return json.dumps(dict.fromkeys(columns, "..."))


def fault(
    code: str,
    message: str,
    remedy: str = "",
    *,
    number: int | None = None,
    column: str = "",
    text: str = "",
    severity: Severity = Severity.ERROR,
) -> Finding:
    """Return a finding about the row `number`, or about the whole file if it is None."""
    return Finding(
        severity=severity,
        code=code,
        message=message,
        remedy=remedy,
        rows=() if number is None else (number,),
        row_count=0 if number is None else 1,
        column=column,
        excerpt=excerpt(text),
        source="reader",
    )


def too_large(number: int, raw: bytes) -> Finding:
    """Return the finding for a row that is larger than the limit."""
    return fault(
        "ROW_TOO_LARGE",
        f"The row is larger than {MAX_ROW_BYTES:,} bytes.",
        "Shorten the row, and check that no quote, brace or line end is missing.",
        number=number,
        text=raw[: min(400, MAX_ROW_BYTES)].decode("utf-8", "replace"),
    )


def only_used(names: Sequence[str] = COLUMNS) -> str:
    """Return the part of a remedy that names the columns that are read."""
    return f"only {' and '.join(excerpt(name) for name in names)} are used"


def more_keys(count: int, kind: str, number: int | None = None) -> Finding:
    """Return the finding that counts the unknown keys or columns that are not named.

    Args:
        kind: `keys` or `columns`.
    """
    return fault(
        "UNKNOWN_KEY",
        f"{count:,} more {kind} are unknown and are ignored.",
        f"Remove the {kind}; {only_used()}.",
        number=number,
        severity=Severity.WARNING,
    )


def decode(raw: bytes, number: int | None) -> str | Finding:
    """Return the text of UTF-8 bytes, or a finding if they are not UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        around = raw[max(0, error.start - 40) : error.start + 40].decode("windows-1252", "replace")
        character = raw[error.start : error.start + 1].decode("windows-1252", "replace")
        read_as = "" if character == "\N{REPLACEMENT CHARACTER}" else f" As Windows-1252 it would be {character!r}."
        return fault(
            "INVALID_UTF8",
            f"Byte 0x{raw[error.start]:02x} at position {error.start + 1} is not UTF-8.{read_as}",
            "Save the file as UTF-8 (CSV UTF-8 in Excel; iconv -f WINDOWS-1252 -t UTF-8 if the text is Western).",
            number=number,
            text=around,
        )


def row_with_others(number: int, texts: Mapping[str, str], others: Mapping[str, Any]) -> Iterator[Row | Finding]:
    """Yield a row with its other fields, and a warning about each field that it does not keep.

    Args:
        texts: Its input and, unless it has none, its output.
        others: Its other fields.
    """
    fields, left_out = other_fields(others)
    for name in left_out[:MAX_NAMED_KEYS]:
        yield fault(
            "FIELD_LEFT_OUT",
            f"Field {excerpt(name)!r} is left out: the other fields of a row have more than "
            f"{MAX_OTHER_BYTES:,} bytes, or this one is nested too deeply.",
            "Remove long fields that you do not need to find the row again.",
            number=number,
            text=name,
            severity=Severity.WARNING,
        )
    if len(left_out) > MAX_NAMED_KEYS:
        yield fault(
            "FIELD_LEFT_OUT",
            f"{len(left_out) - MAX_NAMED_KEYS:,} more fields are left out.",
            "Remove fields that you do not need to find the row again.",
            number=number,
            severity=Severity.WARNING,
        )
    yield Row(number=number, input=texts["input"], output=texts.get("output", ""), fields=fields)


def check_text(column: str, text: str, number: int) -> Finding | None:
    """Return the finding for a text that cannot be stored as UTF-8; None if it can."""
    if "\x00" in text:
        return fault(
            "BAD_CHARACTER",
            f"The {column} contains a NUL character.",
            "Remove the character; it often comes from a file saved as UTF-16.",
            number=number,
            column=column,
            text=text,
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return fault(
            "BAD_CHARACTER",
            f"The {column} contains half of a surrogate pair at character {error.start + 1}.",
            "Restore the whole character; a half is left when a text is cut in the middle of an emoji.",
            number=number,
            column=column,
            text=text,
        )
    return None
