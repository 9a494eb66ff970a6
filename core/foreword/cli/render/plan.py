"""Rendering of a plan: its sizes and cost, and every parameter with its source."""

from __future__ import annotations

from dataclasses import fields

from rich.console import Console
from rich.text import Text

from foreword.cli.render.listing import estimated, format_value, print_facts, print_table
from foreword.cli.render.report import print_findings
from foreword.client import TuneParameters, TunePlan

_SOURCES = {
    "set": ("set by you", "bold"),
    "recipe": ("the model's recipe", "dim"),
    "default": ("default", "dim"),
    "few_rows": ("raised for few rows", "dim"),
    "many_rows": ("lowered for many rows", "dim"),
    "long_run": ("on for long runs", "dim"),
    "tuned_model": ("the tuned model", "dim"),
    "validation_dataset": ("the validation dataset", "dim"),
}


def print_plan(console: Console, plan: TunePlan) -> None:
    """Print the sizes and the cost, every parameter with its source, and the warnings."""
    held_out = f"{plan.training_row_count:,} rows to tune on"
    if plan.validation_row_count:
        held_out += f", {plan.validation_row_count:,} held out"
    estimate = ""
    if plan.estimated_seconds:
        hours = plan.estimated_capacity_unit_hours
        estimate = f"{estimated(plan.estimated_seconds)} on an idle machine, {hours:.3g} capacity-unit-hours"
    labels = ", ".join(plan.labels)
    print_facts(
        console,
        [
            ("data", held_out),
            ("labels", f"{labels} ({'several' if plan.multi_label else 'one'} per answer)" if labels else ""),
            ("updates", f"{plan.planned_updates:,}"),
            ("trainable", f"{plan.trainable_parameter_count:,} parameters"),
            ("estimate", estimate),
        ],
    )
    console.print()
    print_table(console, ["parameter", "value", "source"], _parameter_rows(plan), right=["value"])
    console.print()
    print_findings(console, plan.warnings)


def _parameter_rows(plan: TunePlan) -> list[tuple[str, Text, Text]]:
    names = [item.name for item in fields(TuneParameters) if item.name != "method_parameters"]
    rows = [_parameter_row(plan, name, name, getattr(plan.parameters, name)) for name in names]
    rows += [
        _parameter_row(plan, name, f"method_parameters.{name}", value)
        for name, value in plan.parameters.method_parameters.items()
    ]
    return [row for row in rows if row is not None]


def _parameter_row(plan: TunePlan, name: str, key: str, value: object) -> tuple[str, Text, Text] | None:
    """Return the row of a parameter; None if it has no value.

    Args:
        key: Name of the parameter in `plan.sources`.
    """
    if value is None:
        return None
    source, style = _SOURCES.get(plan.sources.get(key, ""), (plan.sources.get(key, ""), "dim"))
    shown = format_value(value)
    return name, Text(shown if len(shown) <= 60 else shown[:57] + "..."), Text(source, style=style)
