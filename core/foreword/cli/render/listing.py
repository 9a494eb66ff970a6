"""Rendering of tables and lists of facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from foreword.cli.render.console import out_console, print_json

Cell = str | Text
Item = TypeVar("Item")


def print_table(
    console: Console, columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, right: Sequence[str] = ()
) -> None:
    """Print rows under their headings.

    Args:
        right: Headings of the columns that are aligned to the right.
    """
    console.print(make_table(columns, rows, right=right))


def make_table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, right: Sequence[str] = ()) -> Table:
    """Return a table of rows under their headings.

    Args:
        right: Headings of the columns that are aligned to the right.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return table


def print_listing(
    found: Sequence[Item],
    columns: Mapping[str, Callable[[Item], Cell]],
    *,
    as_json: bool,
    right: Sequence[str] = (),
) -> None:
    """Print the result of a list command as a table or as JSON.

    Args:
        columns: A function for each heading that returns the cell of an item.
        right: Headings of the columns that are aligned to the right.
    """
    if as_json:
        print_json(found)
        return
    rows = [[cell(item) for cell in columns.values()] for item in found]
    print_table(out_console(), list(columns), rows, right=right)


def print_facts(console: Console, facts: Iterable[tuple[str, Cell]], *, indent: int = 2) -> None:
    """Print names and values in two columns, without facts that have no value."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        if value:
            table.add_row(" " * indent + name, value if isinstance(value, Text) else Text(value))
    console.print(table)


def age(time: datetime | None) -> str:
    """Return the time since a point in time, such as `5 min ago`."""
    if time is None:
        return ""
    seconds = max(0.0, (datetime.now(UTC) - time).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def duration(seconds: float) -> str:
    """Return a time span in words, such as `2 min 5 s`."""
    whole = round(seconds)
    if whole < 1:
        return "under 1 s"
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    parts = [(hours, "h"), (minutes, "min"), (left if not hours else 0, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def estimated(seconds: float) -> str:
    """Return an estimated time span in words, such as `about 2 min 5 s`."""
    return duration(seconds) if round(seconds) < 1 else f"about {duration(seconds)}"


def format_value(value: object) -> str:
    """Return the value of a parameter as text: `16` for 16.0, `true` for True, nothing for None or an empty list."""
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
