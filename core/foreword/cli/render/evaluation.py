"""Comparison of systems by metrics, tokens and calibration."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from foreword.cli.render.listing import print_table
from foreword.cli.render.parts import print_part
from foreword.client.system_name import system_name
from foreword.domain.counted import counted
from foreword.domain.report import SystemEvaluation

_BEST = "bold green"


def print_evaluations(
    console: Console,
    evaluations: Sequence[SystemEvaluation],
    *,
    parts: bool = False,
    noun: str = "held-out row",
    metric: str = "",
) -> None:
    """Print the results of all systems in one table, with the best values in bold and their intervals below them.

    Args:
        parts: Whether to print the first system's own tables, too, such as the metrics of each label.
        noun: What a row is.
        metric: Id of the metric that comes first. Default: the main one.
    """
    if not evaluations:
        return
    first = evaluations[0]
    headline = metric if metric in first.metrics else first.main_metric
    metrics = [headline, *sorted(set(first.metrics) - {headline})]
    names = [name.replace("_", " ") for name in metrics]
    columns = [f"on {counted(first.row_count, noun)}", *names, "tokens per request"]
    cells = [_row(item, metrics, evaluations) for item in evaluations]
    if any(item.calibration is not None for item in evaluations):
        columns.append("ECE")
        for line, item in zip(cells, evaluations, strict=True):
            line.append(_calibration_error(item, evaluations))
    print_table(console, columns, cells, right=columns[1:])
    for note in _notes(evaluations):
        console.print(Text(note, style="dim"))
    console.print()
    for part in first.parts if parts else ():
        print_part(console, part)


def _notes(evaluations: Sequence[SystemEvaluation]) -> list[str]:
    """Return what the intervals and the calibration error are, if the table has any."""
    notes = []
    if any(item.intervals for item in evaluations):
        notes.append("Below a value: 95 % interval of the value for all texts like these rows.")
    if any(item.calibration for item in evaluations):
        notes.append("ECE: expected calibration error, how far probabilities are from the share of right answers.")
    return notes


def _row(item: SystemEvaluation, metrics: Sequence[str], evaluations: Sequence[SystemEvaluation]) -> list[Text]:
    cells = [Text(system_name(item.system))]
    for metric in metrics:
        value = item.metrics.get(metric)
        # Only for the main metric is it known that higher is better.
        best = metric == item.main_metric and value == max(other.metrics.get(metric, 0.0) for other in evaluations)
        cell = Text("" if value is None else f"{value:.3f}", style=_BEST if best else "")
        interval = item.intervals.get(metric)
        cells.append(cell if interval is None else _below(cell, f"{interval.lower:.2f}..{interval.upper:.2f}"))
    fewest = min(other.mean_tokens for other in evaluations)
    tokens = f"{item.mean_tokens:.0f}"
    cells.append(Text(tokens, style=_BEST if item.mean_tokens == fewest else ""))
    return cells


def _calibration_error(item: SystemEvaluation, evaluations: Sequence[SystemEvaluation]) -> Text:
    """Return how far the probabilities of answers are from how often they are right; empty without probabilities."""
    if item.calibration is None:
        return Text("")
    error = item.calibration.expected_calibration_error
    least = min(other.calibration.expected_calibration_error for other in evaluations if other.calibration)
    return Text(f"{error:.3f}", style=_BEST if error == least else "")


def _below(cell: Text, interval: str) -> Text:
    """Return a cell of two lines, the second in a pale colour."""
    return Text.assemble(cell, "\n", (interval, "dim"))
