"""Conversion of one record, a JSON object or texts by column, into a row or its faults."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from foreword.data.other_fields import MAX_OTHER_BYTES, Number, other_fields
from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity, excerpt

MAX_ROW_BYTES = 1 << 20
"""Maximum size of a row in the file, in bytes."""

COLUMNS = ("input", "output")

UNLABELLED_COLUMNS = ("input",)
"""The columns that every row of a file without outputs must have. Its other columns are kept as they are."""

ONLY_USED = "only input and output are used"
"""The part of a remedy that names the columns of labelled rows."""

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


def more_keys(count: int, kind: str, number: int | None = None) -> Finding:
    """Return the finding that counts the unknown keys or columns that are not named.

    Args:
        kind: `keys` or `columns`.
    """
    return fault(
        "UNKNOWN_KEY",
        f"{count:,} more {kind} are unknown and are ignored.",
        f"Remove the {kind}; {ONLY_USED}.",
        number=number,
        severity=Severity.WARNING,
    )


def decode(raw: bytes, number: int | None) -> str | Finding:
    """Return the text of UTF-8 bytes, or a finding if they are not UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return fault(
            "INVALID_UTF8",
            f"Byte 0x{raw[error.start]:02x} at position {error.start + 1} is not UTF-8.",
            "Save the file as UTF-8 (CSV UTF-8 in Excel).",
            number=number,
            text=raw[max(0, error.start - 40) : error.start + 40].decode("utf-8", "replace"),
        )


class _Object(dict[str, Any]):
    """A JSON object with the columns that it repeats."""

    repeated: tuple[str, ...] = ()

    @classmethod
    def of(cls, pairs: list[tuple[str, Any]]) -> _Object:
        made = cls(pairs)
        if len(made) < len(pairs):
            keys = [key for key, _ in pairs]
            made.repeated = tuple(column for column in COLUMNS if keys.count(column) > 1)
        return made


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    parse_float=Number, parse_int=Number, parse_constant=_refuse_constant, object_pairs_hook=_Object.of
)


def read_object(raw: bytes, number: int, columns: Sequence[str], *, keep_others: bool) -> Iterator[Row | Finding]:
    """Read one JSON object and yield its faults and, unless one of them is an error, its row.

    Args:
        columns: `COLUMNS` or `UNLABELLED_COLUMNS`; a row of the latter has an empty output.
        keep_others: Whether the row keeps its other fields.
    """
    text = decode(raw, number)
    if isinstance(text, Finding):
        yield text
        return
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        yield fault(
            "NOT_JSON",
            f"The row is not JSON: {error.msg} at character {error.pos + 1}.",
            _json_remedy(text, columns),
            number=number,
            text=text,
        )
        return
    except ValueError as error:
        yield fault("NOT_JSON", f"The row is not JSON: {error}.", "Put it in quotes.", number=number, text=text)
        return
    except RecursionError:
        yield fault(
            "NOT_JSON", "The row is nested too deeply.", f"Write it as {example(columns)}.", number=number, text=text
        )
        return
    if not isinstance(value, _Object):
        remedy = f"Write it as {example(columns)}."
        yield fault("NOT_AN_OBJECT", "The row is not a JSON object.", remedy, number=number, text=text)
        return
    yield from _read_columns(value, number, columns, keep_others)


def _json_remedy(text: str, columns: Sequence[str]) -> str:
    """Return the remedy for the most common cause of a text that is not JSON."""
    start = text.lstrip()
    if start.startswith(("{'", "{ '")):
        return "Put keys and texts in double quotes; JSON does not allow single quotes."
    if start.startswith(("{\N{LEFT DOUBLE QUOTATION MARK}", "{\N{RIGHT DOUBLE QUOTATION MARK}")):
        return 'Replace the typographic quotes by straight double quotes (").'
    return f"Write each row as one complete object: {example(columns)}."


def _read_columns(value: _Object, number: int, columns: Sequence[str], keep_others: bool) -> Iterator[Row | Finding]:
    """Yield the row of an object, or its faults."""
    unknown = [key for key in value if key not in columns]
    usable = True
    for column in columns:
        if column in value.repeated:
            usable = False
            yield fault(
                "REPEATED_KEY", f"Key {column!r} occurs twice.", "Remove one of them.", number=number, column=column
            )
        if column not in value:
            usable = False
            yield _missing(column, unknown, number, columns)
            continue
        wrong = _check_value(column, value[column], number)
        if wrong is not None:
            usable = usable and wrong.severity is not Severity.ERROR
            yield wrong
    if not usable:
        return
    texts = {column: str(value[column]) for column in columns}
    if keep_others:
        yield from row_with_others(number, texts, {key: value[key] for key in unknown})
        return
    for key in unknown[:MAX_NAMED_KEYS]:
        yield fault(
            "UNKNOWN_KEY",
            f"Key {excerpt(key)!r} is unknown and is ignored.",
            f"Remove the key; {ONLY_USED}.",
            number=number,
            text=key,
            severity=Severity.WARNING,
        )
    if len(unknown) > MAX_NAMED_KEYS:
        yield more_keys(len(unknown) - MAX_NAMED_KEYS, "keys", number)
    yield Row(number=number, input=texts["input"], output=texts.get("output", ""))


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


def _missing(column: str, unknown: list[str], number: int, columns: Sequence[str]) -> Finding:
    """Return the finding for a missing key, with a remedy that names the key that was probably meant."""
    likely = [key for key in unknown if key.strip().lower() == column]
    if likely:
        remedy = f"Rename {excerpt(likely[0])!r} to {column!r}; case and spaces matter."
    elif unknown:
        found = ", ".join(repr(excerpt(key)) for key in unknown[:5])
        remedy = f"Add it, or rename one of the keys found: {found}."
    else:
        remedy = f"Write the row as {example(columns)}."
    return fault("MISSING_KEY", f"Key {column!r} is missing.", remedy, number=number, column=column)


def _check_value(column: str, value: object, number: int) -> Finding | None:
    """Return the finding for a value that is not a valid text; None if it is valid."""
    if isinstance(value, Number):
        return fault(
            "NUMBER_AS_TEXT",
            f"Numbers in {column} are read as text, exactly as written.",
            "Put them in quotes to avoid this remark.",
            number=number,
            column=column,
            text=value,
            severity=Severity.INFO,
        )
    if isinstance(value, str):
        return check_text(column, value, number)
    shown = json.dumps(value, ensure_ascii=True)
    if value is None:
        name, remedy = "null", "Replace it by a text, or remove the row."
    elif isinstance(value, bool):
        name, remedy = "true or false without quotes", f'Write it in quotes: "{shown}".'
    elif isinstance(value, list):
        name, remedy = "a list", 'Write one text; separate several labels by commas: "Warehouse, Packaging".'
    else:
        name, remedy = "an object", "Write it as one text."
    return fault("NOT_TEXT", f"The {column} is {name}, not a text.", remedy, number=number, column=column, text=shown)


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
