"""The command `foreword demo`."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click

from foreword.installation import install_command


@click.command(short_help="Shows the whole product at work, on this machine.")
@click.option("--slack", is_flag=True, help="Show the Slack bot at work instead, in a Slack on this machine.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("foreword-demo"),
    show_default=True,
    help="Folder for the learning curve and the exported adapter.",
)
@click.option(
    "--epochs",
    type=click.IntRange(1, 200),
    help="Passes over the rows.  [default: the recipe's]",
)
@click.option("--keep-home", is_flag=True, help="Keep the temporary home, with the database and the log.")
def demo(*, slack: bool, output: Path, epochs: int | None, keep_home: bool) -> None:
    """Shows the whole product at work: checks data, tunes, evaluates, deploys and answers.

    Starts a real server and worker on a free port of loopback, in a temporary home, and needs no network. It ends them
    when it is done. Takes about three minutes on two cores.
    """
    from foreword.cli.demo.service import LocalService
    from foreword.cli.demo.walk import Walk
    from foreword.cli.render import out_console

    added_walk = _added_walk("slack") if slack else None
    console = out_console()
    home = Path(tempfile.mkdtemp(prefix="foreword-demo-"))
    try:
        console.print(f"Starting a server and a worker on loopback, with the home {home} ...")
        with LocalService(home) as service, service.client() as client:
            if added_walk is not None:
                added_walk(client=client, endpoint=service.endpoint, console=console, home=home, epochs=epochs)
            else:
                Walk(client, console, output, epochs).run()
        if keep_home:
            console.print(f"\nThe home is kept: FOREWORD_HOME={shlex.quote(str(home))} foreword serve --dev")
    finally:
        if not keep_home:
            shutil.rmtree(home, ignore_errors=True)


def _added_walk(name: str) -> Any:
    """A walk-through that another package brings, by entry point of the group `foreword.demos`.

    It is called with `client` (of a running service), `endpoint`, `console` (rich), `home` (a folder that ends with the
    demo) and `epochs` (or None for the recipe's), all by name.
    """
    for entry in entry_points(group="foreword.demos", name=name):
        try:
            return entry.load()
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"This demo needs the package {error.name!r}, which is not installed. "
                f"Install what it needs with: {install_command('server', name)}"
            ) from None
    raise click.ClickException(f"No installed package brings the demo {name!r}. Reinstall Foreword to restore it.")
