"""Reading of a file with one text per row, for commands that process whole files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TextIO

import click

FORMATS: Final = ("jsonl", "csv", "text")
_COLUMNS = ("input", "text")
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRow:
    """A row of a file.

    Attributes:
        number: Number of the row, counted from 1; blank lines count, the header of a CSV file does not.
        fault: Reason why the row has no text; empty if it has.
        fields: The other fields of the row, such as the number of a ticket.
    """

    number: int
    text: str = ""
    fault: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


def format_of(name: str) -> str:
    """Return the format for the extension of a file name; `text` for unknown extensions."""
    ending = name.rpartition(".")[2].lower()
    return {"jsonl": "jsonl", "ndjson": "jsonl", "csv": "csv", "tsv": "csv"}.get(ending, "text")


def check_is_text(file: TextIO) -> None:
    """Check by the first bytes of a file that it is UTF-8 text. They are not consumed.

    Raises:
        ClickException: It is not.
    """
    from foreword.data.detect import foreign_file

    peek = getattr(getattr(file, "buffer", None), "peek", None)
    found = None if peek is None else foreign_file(peek(4)[:4])
    if found is not None:
        raise click.ClickException(f"{found.message} {found.remedy}")


def read_texts(file: TextIO, format: str) -> Iterator[TextRow]:
    """Read the texts of a file lazily. A row without a text has a fault instead.

    Args:
        format: `jsonl`, with a text or an object with `input` in each line; `csv`, with a column `input`; or `text`,
            with a text in each line. Blank lines are skipped.
    """
    if format == "csv":
        yield from _csv_texts(file)
        return
    for number, line in enumerate(file, 1):
        if line.strip():
            yield _json_text(number, line) if format == "jsonl" else TextRow(number=number, text=line.rstrip("\r\n"))


def field_names(file: TextIO, format: str) -> list[str] | None:
    """Return the names of the other fields of all rows of a file, which is read and then back at its beginning.

    Args:
        format: As in `read_texts`.

    Returns:
        None if the file can be read only once, such as standard input.
    """
    if not file.seekable():
        return None
    names = list(dict.fromkeys(name for row in read_texts(file, format) for name in row.fields))
    file.seek(0)
    return names


def _json_text(number: int, line: str) -> TextRow:
    from foreword.client.other_fields import finite_number

    try:
        value: Any = json.loads(line, parse_float=finite_number, parse_constant=str)
    except (ValueError, RecursionError) as error:
        return TextRow(number=number, fault=f"The line is not JSON: {error}.")
    fields: dict[str, Any] = {}
    if isinstance(value, dict):
        column = next((name for name in _COLUMNS if name in value), None)
        fields = {name: item for name, item in value.items() if name != column}
        value = None if column is None else value[column]
    if not isinstance(value, str):
        return TextRow(number=number, fault="The line has no text under `input`.", fields=fields)
    return TextRow(number=number, text=value, fields=fields)


def _csv_texts(file: TextIO) -> Iterator[TextRow]:
    header = file.readline()
    delimiter = max(_DELIMITERS, key=header.count)
    written = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
    names = [name.lower() for name in written]
    column = next((names.index(name) for name in _COLUMNS if name in names), None)
    if column is None:
        yield TextRow(
            number=1, fault=f"The header has no column `input`; its columns are: {', '.join(names) or 'none'}."
        )
        return
    others = _different_names(written)
    number = 0
    records = csv.reader(file, delimiter=delimiter)
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            number += 1
            yield TextRow(number=number, fault=f"The row is not CSV: {error}.")
            continue
        number += 1
        if record:
            cells = zip(others, record, strict=False)
            fields = {name: value for place, (name, value) in enumerate(cells) if place != column}
            if any(record[len(names) :]):
                # Usually, a text with a delimiter is not in quotes, so that it would be cut.
                fault = f"The row has {len(record)} fields, but the header has {len(names)}."
                yield TextRow(number=number, fault=fault, fields=fields)
            elif column < len(record):
                yield TextRow(number=number, text=record[column], fields=fields)
            else:
                yield TextRow(number=number, fault="The row has no field for the column `input`.", fields=fields)


def _different_names(names: Sequence[str]) -> list[str]:
    """Return names of columns, those without a name or with that of an earlier one numbered."""
    found: list[str] = []
    for place, name in enumerate(names, 1):
        free = name or f"column_{place}"
        while free in found:
            free = f"{free}_{place}"
        found.append(free)
    return found
