"""CSV files for people, who open them in a spreadsheet."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from typing import Any, TextIO

import click

from foreword.data.exchange.formulas import escaped


def escape_formulas_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `--escape-formulas` to a command that writes CSV."""
    return click.option(
        "--escape-formulas/--no-escape-formulas",
        default=True,
        help="In CSV, put ' in front of cells that a spreadsheet would run as a formula: those that begin with = + - @ "
        "and are not numbers. Without it, cells are exact.  [default: escape]",
    )(function)


class CsvOutput:
    """A writer of CSV.

    Args:
        escape_formulas: Whether texts that begin like a formula get an apostrophe in front of them. Without one
            apostrophe before such a text, it is the original again.
    """

    def __init__(self, file: TextIO, *, escape_formulas: bool) -> None:
        self._writer = csv.writer(file)
        self._escapes = escape_formulas

    def write(self, values: Iterable[Any]) -> None:
        """Write a row: texts and numbers as they are, other values as JSON, and nothing for None."""
        self._writer.writerow([self._cell(value) for value in values])

    def _cell(self, value: Any) -> Any:
        if isinstance(value, (bool, list, dict)):
            return json.dumps(value, ensure_ascii=False)
        return escaped(value) if self._escapes and isinstance(value, str) else value
