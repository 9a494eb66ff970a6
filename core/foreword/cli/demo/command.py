"""The command `foreword demo`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click


@click.command(short_help="Shows the whole product at work, on this machine.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("foreword-demo"),
    show_default=True,
    help="Folder for the learning curve and the exported adapter.",
)
@click.option("--epochs", type=click.IntRange(1, 200), default=30, show_default=True, help="Passes over the rows.")
@click.option("--keep-home", is_flag=True, help="Keep the temporary home, with the database and the log.")
def demo(*, output: Path, epochs: int, keep_home: bool) -> None:
    """Shows the whole product at work: checks data, tunes, evaluates, deploys and answers.

    Starts a real server and worker on a free port of loopback, in a temporary home, and needs no network. It ends them
    when it is done. Takes about three minutes on two cores.
    """
    from foreword.cli.demo.service import LocalService
    from foreword.cli.demo.walk import Walk
    from foreword.cli.render import out_console

    console = out_console()
    home = Path(tempfile.mkdtemp(prefix="foreword-demo-"))
    try:
        console.print(f"Starting a server and a worker on loopback, with the home {home} ...")
        with LocalService(home) as service, service.client() as client:
            Walk(client, console, output, epochs).run()
        if keep_home:
            console.print(f"\nThe home is kept: FOREWORD_HOME={home} foreword serve --dev")
    finally:
        if not keep_home:
            shutil.rmtree(home, ignore_errors=True)
