"""What a run will do, and where every value came from."""

from __future__ import annotations

from dataclasses import fields

from rich.console import Console
from rich.text import Text

from foreword.cli.render.listing import duration, print_facts, print_table
from foreword.cli.render.report import print_findings
from foreword.client import TuneParameters, TunePlan

_SOURCES = {
    "set": ("set by you", "bold"),
    "recipe": ("the model's recipe", "dim"),
    "default": ("default", "dim"),
    "few_rows": ("more, as rows are few", "dim"),
}


def print_plan(console: Console, plan: TunePlan) -> None:
    """Prints sizes and costs, every parameter with its source, and the warnings."""
    held_out = f"{plan.training_row_count:,} rows to tune on"
    if plan.validation_row_count:
        held_out += f", {plan.validation_row_count:,} held out"
    estimate = ""
    if plan.estimated_seconds:
        hours = plan.estimated_capacity_unit_hours
        estimate = f"about {duration(plan.estimated_seconds)}, {hours:.3g} capacity-unit-hours"
    labels = ", ".join(plan.labels)
    print_facts(
        console,
        [
            ("data", held_out),
            ("labels", f"{labels} ({'several' if plan.multi_label else 'one'} per answer)" if labels else ""),
            ("updates", f"{plan.planned_updates:,}"),
            ("trained", f"{plan.trainable_parameter_count:,} numbers"),
            ("estimate", estimate),
        ],
    )
    console.print()
    print_table(console, ["parameter", "value", "from"], _parameter_rows(plan), right=["value"])
    console.print()
    print_findings(console, plan.warnings)


def _parameter_rows(plan: TunePlan) -> list[tuple[str, Text, Text]]:
    rows = []
    for item in fields(TuneParameters):
        value = getattr(plan.parameters, item.name)
        if value is None or item.name == "method_parameters":
            continue
        source, style = _SOURCES.get(plan.sources.get(item.name, ""), (plan.sources.get(item.name, ""), "dim"))
        shown = f"{value:g}" if isinstance(value, float) else str(value)
        rows.append((item.name, Text(shown if len(shown) <= 60 else shown[:57] + "..."), Text(source, style=style)))
    return rows
