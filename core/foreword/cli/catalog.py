"""`foreword catalog`: the base models, tasks, tuning methods and parameters of a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from foreword.cli.session import json_option, with_client

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from foreword.client import Client, Task, TuningMethod
    from foreword.domain.parameters import ParameterSpec


@click.group()
def catalog() -> None:
    """List the base models, tasks, tuning methods and parameters of a service."""


@catalog.command("base-models")
@json_option
@with_client
def base_models(client: Client, as_json: bool) -> None:
    """List base models, for `foreword tune --base-model`."""
    from foreword.cli.render import out_console, print_facts, print_json, short_name

    found = client.list_base_models()
    if as_json:
        print_json(found)
        return
    console = out_console()
    for model in found:
        console.print(short_name(model.name), style="bold")
        print_facts(
            console,
            [
                ("name", model.display_name),
                ("description", model.description),
                ("aliases", ", ".join(model.aliases)),
                ("architecture", model.architecture.value),
                ("weights", f"{model.parameter_count / 1e6:,.1f} million"),
                ("context", f"{model.context_tokens:,} tokens"),
                ("tuning types", ", ".join(model.recipes) if model.tunable else "none; it cannot be tuned"),
                ("licence", model.licence),
                ("plugin", model.plugin),
            ],
        )
        console.print()


@catalog.command()
@json_option
@with_client
def tasks(client: Client, as_json: bool) -> None:
    """List tasks and their options, for `foreword tune --task` and `--option`."""
    from foreword.cli.render import out_console, print_json

    found = client.list_tasks()
    if as_json:
        print_json(found)
        return
    console = out_console()
    for task in found:
        _print_task(console, task)


@catalog.command()
@json_option
@with_client
def methods(client: Client, as_json: bool) -> None:
    """List tuning methods and their parameters, for `foreword tune --tuning-type` and `--option`."""
    from foreword.cli.render import out_console, print_json

    found = client.list_tuning_methods()
    if as_json:
        print_json(found)
        return
    console = out_console()
    for method in found:
        _print_method(console, method)


@catalog.command()
@json_option
@with_client
def parameters(client: Client, as_json: bool) -> None:
    """List the tuning and generation parameters of all base models."""
    from foreword.cli.render import out_console, print_json

    found = client.list_parameters()
    if as_json:
        print_json(found)
        return
    console = out_console()
    for heading, specs in (("tuning", found.tune_parameters), ("generation", found.generate_parameters)):
        console.print(heading, style="bold")
        _print_parameters(console, "parameter", specs)


def _print_task(console: Console, task: Task) -> None:
    from foreword.cli.render import print_facts

    console.print(task.id, style="bold")
    print_facts(
        console,
        [
            ("name", task.display_name),
            ("description", task.description),
            ("answers", "labels from a closed set" if task.closed else "any text"),
            ("verbalizer", task.default_verbalizer),
            ("metrics", ", ".join(metric.id for metric in task.metrics)),
            ("plugin", task.plugin),
        ],
    )
    _print_parameters(console, "option", task.options)


def _print_method(console: Console, method: TuningMethod) -> None:
    from foreword.cli.render import print_facts

    console.print(method.id, style="bold")
    print_facts(
        console,
        [
            ("name", method.display_name),
            ("description", method.description),
            ("unused parameters", ", ".join(method.unused_parameters)),
            ("plugin", method.plugin),
        ],
    )
    _print_parameters(console, "parameter", method.parameters)


def _print_parameters(console: Console, heading: str, specs: Iterable[ParameterSpec]) -> None:
    """Print a table of parameters and a blank line."""
    from foreword.cli.render import format_value, print_table

    rows = [(spec.name, spec.allowed, format_value(spec.default), spec.unit, spec.description) for spec in specs]
    console.print()
    if rows:
        print_table(console, [heading, "value", "default", "unit", "description"], rows)
        console.print()
