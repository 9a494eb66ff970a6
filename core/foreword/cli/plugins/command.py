"""`foreword plugins`, which lists installed plugins, and `foreword plugins new`, which creates a package."""

from __future__ import annotations

from pathlib import Path

import click

from foreword.cli.plugins.kinds import KINDS
from foreword.cli.session import json_option
from foreword.cli.settings import read_settings


@click.group(short_help="List installed plugins or create a new one.", invoke_without_command=True)
@json_option
@click.pass_context
def plugins(context: click.Context, as_json: bool) -> None:
    """List installed plugins or create a new one.

    Without a command, lists the plugins, what they provide and why one is not in use. Needs no service. Exits with
    status 1 if a plugin failed to load.
    """
    if context.invoked_subcommand is None:
        _list(as_json)


@plugins.command(short_help="Create a package with a working plugin.")
@click.argument("name")
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(list(KINDS)),
    multiple=True,
    default=("task",),
    show_default=True,
    help="Kind of plugin; may be repeated.",
)
@click.option("--folder", type=click.Path(path_type=Path), help="Folder of the package.  [default: foreword-NAME]")
def new(name: str, kinds: tuple[str, ...], folder: Path | None) -> None:
    """Create a package with a working plugin.

    The package has an entry point, a small plugin and tests that pass. NAME is the name of the plugin: lower-case
    letters, digits and hyphens, such as acme.
    """
    from foreword.cli.plugins.package import write_package

    written = write_package(name, kinds, folder or Path(f"foreword-{name}"))
    click.echo(f"Created {written}. Next steps:\n")
    click.echo(f'  pip install --editable "{"" if written.is_absolute() else "./"}{written}[test]"')
    click.echo(f"  pytest {written}")
    click.echo("  foreword plugins")


def _list(as_json: bool) -> None:
    """List the installed plugins."""
    from rich.text import Text

    from foreword.cli.render import out_console, print_json, print_table
    from foreword.plugin.manager import PluginManager
    from foreword.plugin.status import PluginState

    settings = read_settings()
    statuses = PluginManager.load(settings.plugins, settings.base_model_aliases).statuses
    if as_json:
        print_json(statuses)
    else:
        styles = {PluginState.LOADED: "green", PluginState.FAILED: "bold red", PluginState.BLOCKED: "yellow"}
        print_table(
            out_console(),
            ["plugin", "state", "package", "module", "provides"],
            [
                (
                    item.id,
                    Text(item.state.value, style=styles[item.state]),
                    f"{item.distribution} {item.version}".strip(),
                    item.module,
                    item.error
                    or "\n".join((*item.provides, *(f"not available: {reason}" for reason in item.left_out))),
                )
                for item in statuses
            ],
        )
    if any(item.state is PluginState.FAILED for item in statuses):
        raise click.exceptions.Exit(1)
