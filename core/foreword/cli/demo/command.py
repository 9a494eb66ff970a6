"""The command `foreword demo`."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from foreword.entry_points import installed_entry_points, is_impostor
from foreword.installation import install_command
from foreword.private_files import make_private_folder


@click.command(short_help="Run a complete walk-through on this machine.")
@click.option("--slack", is_flag=True, help="Demonstrate the Slack bot instead, with a simulated Slack.")
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
    help="Number of epochs.  [default: the recipe's]",
)
@click.option(
    "--two-versions",
    is_flag=True,
    help="Also tune on a badly distributed version of the data, and show where the answers differ, in another minute.",
)
@click.option("--keep-home", is_flag=True, help="Keep the temporary home folder with the database and the log.")
def demo(*, slack: bool, output: Path, epochs: int | None, two_versions: bool, keep_home: bool) -> None:
    """Run a complete walk-through on this machine.

    Checks data, tunes a prompt, evaluates it, deploys it and answers questions. Starts a real server and a worker on a
    free loopback port, with a temporary home folder, and stops them at the end. Needs no network. Takes about three
    minutes on two cores.
    """
    from foreword.cli.demo.service import LocalService
    from foreword.cli.demo.walk import Walk
    from foreword.cli.render import out_console

    if slack and two_versions:
        raise click.UsageError("--two-versions is for the walk-through without --slack. Leave out one of them.")
    added_walk = _added_walk("slack") if slack else None
    console = out_console()
    if added_walk is None:
        make_private_folder(output)
    # Raise SystemExit on SIGTERM, so that the processes end and the home is deleted.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    home = Path(tempfile.mkdtemp(prefix="foreword-demo-"))
    try:
        console.print(f"Starting a server and a worker on loopback, with the home {home} ...")
        with LocalService(home) as service, service.client() as client:
            if added_walk is not None:
                added_walk(client=client, endpoint=service.endpoint, console=console, home=home, epochs=epochs)
            else:
                Walk(client, console, output, epochs, two_versions=two_versions).run()
        if keep_home:
            console.print(f"\nThe home is kept. Run it: FOREWORD_HOME={shlex.quote(str(home))} foreword serve --dev")
    finally:
        signal.signal(signal.SIGTERM, before)
        if not keep_home:
            shutil.rmtree(home, ignore_errors=True)


def _added_walk(name: str) -> Any:
    """Load a walk-through of another package from the entry points of the group `foreword.demos`.

    It is called with the keyword arguments `client` (of a running service), `endpoint`, `console` (rich), `home` (a
    folder that is deleted after the demo) and `epochs` (None for the recipe's).
    """
    for entry in installed_entry_points("foreword.demos"):
        if entry.name != name or is_impostor(entry):
            continue
        try:
            return entry.load()
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"This demo needs the package {error.name!r}, which is not installed. "
                f"Install it with: {install_command('server', name)}"
            ) from None
    raise click.ClickException(f"No installed package has the demo {name!r}. Reinstall Foreword to restore it.")
