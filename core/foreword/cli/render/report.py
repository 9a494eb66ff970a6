"""Rendering of findings and data reports."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from foreword.cli.option_names import with_option_names
from foreword.cli.render.parts import print_part
from foreword.domain.report import DataReport, Finding, Histogram, Severity

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_NOUNS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "remark"}
_MOST_SHOWN = 50
_MOST_ROWS_IN_FRONT = 3


def print_report(console: Console, report: DataReport, *, parts: bool = True) -> None:
    """Print a data report: its findings by severity, then its histograms and tables.

    Args:
        parts: Whether to print histograms and tables, too.
    """
    console.print(_summary(report))
    console.print()
    print_findings(console, report.findings)
    if report.omitted_finding_count:
        console.print(Text(f"{report.omitted_finding_count:,} more findings are not listed.\n", style="dim"))
    # Histograms first: a terminal shows the end of the output, and tables are more important.
    for part in sorted(report.parts if parts else (), key=lambda part: not isinstance(part.content, Histogram)):
        print_part(console, part)


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Print findings, the most severe first, each with its rows and its remedy in the options of the command."""
    ordered = sorted(findings, key=lambda item: -item.severity)
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for item in ordered[:_MOST_SHOWN]:
        table.add_row(Text(_NOUNS[item.severity], style=_STYLES[item.severity]), _text(item))
    if ordered:
        console.print(table)
    if len(ordered) > _MOST_SHOWN:
        console.print(Text(f"and {len(ordered) - _MOST_SHOWN:,} more; use --json to list all", style="dim"))
    if ordered:
        console.print()


def _text(item: Finding) -> Text:
    """Return the text of a finding. A few rows precede the sentence, many follow it."""
    where = _where(item)
    leads = bool(where) and len(item.rows) <= _MOST_ROWS_IN_FRONT
    text = Text()
    if leads:
        text.append(f"{where}: ", style="bold")
    text.append(with_option_names(item.message))
    details = [] if leads or not where else [where]
    details += [f"“{item.excerpt}”"] if item.excerpt else []
    if details:
        text.append("\n" + ": ".join(details), style="dim")
    if item.remedy:
        text.append(f"\n{with_option_names(item.remedy)}", style="dim")
    return text


def _summary(report: DataReport) -> Text:
    counts = [(severity, sum(item.severity is severity for item in report.findings)) for severity in _NOUNS]
    text = Text(f"{report.usable_row_count:,} of {report.row_count:,} rows can be used")
    for severity, count in counts:
        if count:
            text.append(", ")
            text.append(f"{count:,} {_NOUNS[severity]}{'s' if count != 1 else ''}", style=_STYLES[severity])
    if not any(count for _, count in counts):
        text.append(", no findings", style="green")
    return text


def _where(item: Finding) -> str:
    """Return the rows and the column of a finding."""
    if not item.rows:
        return item.column
    shown = item.rows[:8]
    more = max(item.row_count, len(item.rows)) - len(shown)
    rows = ", ".join(str(row) for row in shown) + (f" and {more:,} more" if more > 0 else "")
    return f"row{'s' if len(item.rows) > 1 else ''} {rows}" + (f", {item.column}" if item.column else "")
