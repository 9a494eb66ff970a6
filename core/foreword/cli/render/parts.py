"""Rendering of self-describing report parts: tables, histograms, matrices and named numbers."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from foreword.domain.report import Histogram, Matrix, ReportPart, Table, Values

_BAR_CELLS = 40
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def print_part(console: Console, part: ReportPart) -> None:
    """Print a part under its title."""
    console.print(Text(part.title, style="bold"))
    match part.content:
        case Table():
            console.print(_table(part.content))
        case Histogram():
            console.print(_histogram(part.content))
        case Matrix():
            console.print(_matrix(part.content))
        case Values():
            console.print(_values(part.content))
    console.print()


def bar(share: float, cells: int = _BAR_CELLS) -> str:
    """Return a bar whose length is a share of `cells`, with a resolution of an eighth of a cell."""
    eighths = round(max(0.0, min(1.0, share)) * cells * 8)
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")


def _grid() -> RichTable:
    return RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")


def _table(content: Table) -> RichTable:
    table = _grid()
    for place, column in enumerate(content.columns):
        numbers = all(_is_number(row[place]) for row in content.rows)
        table.add_column(Text(column), justify="right" if numbers else "left", overflow="fold")
    for row in content.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _histogram(content: Histogram) -> RichTable:
    table = RichTable.grid(padding=(0, 1))
    table.add_column(justify="right", style="dim")
    table.add_column()
    table.add_column(justify="right")
    largest = max(content.counts, default=0) or 1
    for low, high, count in zip(content.edges[:-1], content.edges[1:], content.counts, strict=True):
        interval = f"{low:g} to {high:g} {content.unit}"
        table.add_row(interval, Text(bar(count / largest), style="blue"), f"{count}")
    return table


def _matrix(content: Matrix) -> RichTable:
    table = _grid()
    table.add_column("")
    for label in content.column_labels:
        table.add_column(Text(label), justify="right", overflow="fold")
    for label, row in zip(content.row_labels, content.values, strict=True):
        table.add_row(Text(label), *(Text(f"{value:g}") if value else Text("·", style="dim") for value in row))
    return table


def _values(content: Values) -> RichTable:
    table = RichTable.grid(padding=(0, 2))
    for name, value in content.values.items():
        table.add_row(Text(f"  {name}", style="dim"), f"{value:g}")
    return table


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "").rstrip("%"))
    except ValueError:
        return not cell
    return True
