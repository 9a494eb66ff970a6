"""`foreword plugins`: what is installed, where it came from, and what failed."""

from __future__ import annotations

import click

from foreword.cli.session import json_option
from foreword.cli.settings import read_settings


@click.command(short_help="Lists installed plugins.")
@json_option
def plugins(as_json: bool) -> None:
    """Lists installed plugins with what they provide, and why one is not in use. Needs no service.

    Exits with 1 when a plugin failed to load.
    """
    from rich.text import Text

    from foreword.cli.render import out_console, print_json, print_table
    from foreword.plugin.manager import PluginManager, PluginState

    settings = read_settings()
    statuses = PluginManager.load(settings.plugins, settings.base_model_aliases).statuses
    if as_json:
        print_json(statuses)
    else:
        styles = {PluginState.LOADED: "green", PluginState.FAILED: "bold red", PluginState.BLOCKED: "yellow"}
        print_table(
            out_console(),
            ["plugin", "state", "from", "module", "provides"],
            [
                (
                    item.id,
                    Text(item.state.value, style=styles[item.state]),
                    f"{item.distribution} {item.version}".strip(),
                    item.module,
                    item.error or "\n".join((*item.provides, *(f"left out: {reason}" for reason in item.left_out))),
                )
                for item in statuses
            ],
        )
    if any(item.state is PluginState.FAILED for item in statuses):
        raise click.exceptions.Exit(1)
