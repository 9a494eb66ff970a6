"""Reading of a file with one text per row, for commands that process whole files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TextIO

FORMATS: Final = ("jsonl", "csv", "text")
_COLUMNS = ("input", "text")
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRow:
    """A row of a file.

    Attributes:
        number: Number of the row, counted from 1; blank lines count, the header of a CSV file does not.
        fault: Reason why the row has no text; empty if it has.
    """

    number: int
    text: str = ""
    fault: str = ""


def format_of(name: str) -> str:
    """Return the format for the extension of a file name; `text` for unknown extensions."""
    ending = name.rpartition(".")[2].lower()
    return {"jsonl": "jsonl", "ndjson": "jsonl", "csv": "csv", "tsv": "csv"}.get(ending, "text")


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


def _json_text(number: int, line: str) -> TextRow:
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        return TextRow(number=number, fault=f"The line is not JSON: {error}.")
    if isinstance(value, dict):
        value = next((value[name] for name in _COLUMNS if name in value), None)
    if not isinstance(value, str):
        return TextRow(number=number, fault="The line has no text under `input`.")
    return TextRow(number=number, text=value)


def _csv_texts(file: TextIO) -> Iterator[TextRow]:
    header = file.readline()
    delimiter = max(_DELIMITERS, key=header.count)
    names = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])]
    column = next((names.index(name) for name in _COLUMNS if name in names), None)
    if column is None:
        yield TextRow(
            number=1, fault=f"The header has no column `input`; its columns are: {', '.join(names) or 'none'}."
        )
        return
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
            if column < len(record):
                yield TextRow(number=number, text=record[column])
            else:
                yield TextRow(number=number, fault="The row has no field for the column `input`.")
