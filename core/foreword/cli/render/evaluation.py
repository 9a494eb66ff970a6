"""Comparison of the tuned model with the base model by metrics and tokens."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from foreword.cli.render.listing import print_table
from foreword.cli.render.parts import print_part
from foreword.domain.report import SystemEvaluation

_SHOTS = {"base_zero_shot": "base model, zero-shot", "base_three_shot": "base model, three-shot", "tuned": "tuned"}
_CONSTRAINED = "_constrained"


def print_evaluations(console: Console, evaluations: Sequence[SystemEvaluation], *, parts: bool = False) -> None:
    """Print the held-out results of all systems in one table, with the best values in bold.

    Args:
        parts: Whether to print the tuned model's own tables, too, such as the metrics of each label.
    """
    if not evaluations:
        return
    first = evaluations[0]
    metrics = [first.main_metric, *sorted(set(first.metrics) - {first.main_metric})]
    rows = [_row(item, metrics, evaluations) for item in evaluations]
    headings = [name.replace("_", " ") for name in metrics]
    columns = [f"on {first.row_count:,} held-out rows", *headings, "tokens per request"]
    print_table(console, columns, rows, right=columns[1:])
    console.print()
    for part in first.parts if parts else ():
        print_part(console, part)


def system_name(system: str) -> str:
    """Return the name of an evaluated system in words."""
    name = system.removesuffix(_CONSTRAINED)
    words = _SHOTS.get(name, name.replace("_", " "))
    return f"{words}, labels only" if system.endswith(_CONSTRAINED) else words


def _row(item: SystemEvaluation, metrics: Sequence[str], evaluations: Sequence[SystemEvaluation]) -> list[Text]:
    cells = [Text(system_name(item.system))]
    for metric in metrics:
        value = item.metrics.get(metric)
        # Only for the main metric is it known that higher is better.
        best = metric == item.main_metric and value == max(other.metrics.get(metric, 0.0) for other in evaluations)
        cells.append(Text("" if value is None else f"{value:.3f}", style="bold green" if best else ""))
    fewest = min(other.mean_tokens for other in evaluations)
    tokens = f"{item.mean_tokens:.0f}"
    cells.append(Text(tokens, style="bold green" if item.mean_tokens == fewest else ""))
    return cells
