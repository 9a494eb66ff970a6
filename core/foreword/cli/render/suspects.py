"""Rendering of rows that look mislabelled."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from foreword.cli.render.listing import print_table
from foreword.client import SuspectRow, TuneExperiment
from foreword.domain.report import excerpt


def print_suspect_rows(console: Console, experiment: TuneExperiment, *, most: int) -> None:
    """Print the rows of a run that look mislabelled, the largest loss first.

    Args:
        most: Number of rows to print; the rest is counted.
    """
    suspects = experiment.suspect_rows
    if suspects is None or not suspects.rows:
        return
    examined = ""
    if suspects.examined_row_count < suspects.row_count:
        examined = f" ({suspects.examined_row_count:,} of {suspects.row_count:,} rows were examined)"
    console.print(Text(f"Rows whose answer may be wrong{examined}:", style="bold"))
    columns = ["row", "loss", "input", "answer in the row", "answer that fits better"]
    rows = [_row(item, experiment) for item in suspects.rows[:most]]
    print_table(console, columns, rows, right=["row", "loss"])
    if len(suspects.rows) > most:
        name = experiment.name.rsplit("/", 1)[-1]
        console.print(
            Text(f"and {len(suspects.rows) - most} more; list them with: foreword experiments show {name}", style="dim")
        )
    console.print()


def _row(item: SuspectRow, experiment: TuneExperiment) -> list[str]:
    place = str(item.row) if item.dataset == experiment.dataset else f"validation {item.row}"
    return [place, f"{item.loss:.2f}", *map(excerpt, (item.input, item.output, item.prediction))]
