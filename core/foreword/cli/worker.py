"""`foreword worker`: one more process that tunes."""

from __future__ import annotations

from pathlib import Path

import click

from foreword.cli.settings import home_option, make_home, read_settings
from foreword.cli.threads import let_idle_threads_sleep


@click.command(short_help="Runs one more worker beside a service.")
@home_option
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Least level logged.")
@click.option("--until-stdin-closes", is_flag=True, hidden=True, help="Also stop when the parent process ends.")
def worker(home: Path | None, log_level: str | None, until_stdin_closes: bool) -> None:
    """Runs a worker: it takes queued experiments from the database, one after the other.

    SIGTERM or Ctrl-C checkpoints the run in progress and gives it back for another worker. `foreword serve` runs one
    already; more share its database and artifacts, on this machine or others.
    """
    let_idle_threads_sleep()
    from foreword.observability import logging
    from foreword.scheduling.process import run_worker

    settings = read_settings(home=home, log_level=log_level)
    logging.configure(settings.log_level, settings.log_format)
    make_home(settings)
    run_worker(settings, until_stdin_closes=until_stdin_closes)
