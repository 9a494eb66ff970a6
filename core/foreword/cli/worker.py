"""`foreword worker`: an additional tuning process."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from foreword.cli.settings import home_option, make_home, read_settings, warn_of_open_files
from foreword.cli.threads import let_idle_threads_sleep


@click.command(short_help="Run an additional tuning worker.")
@home_option
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Minimum log level.  [default: info]"
)
@click.option("--until-stdin-closes", is_flag=True, hidden=True, help="Also stop when the parent process ends.")
def worker(home: Path | None, log_level: str | None, until_stdin_closes: bool) -> None:
    """Run a worker that tunes queued experiments, those of one base model together.

    `foreword serve` already starts one worker. Additional workers share its database and artifacts, on this machine or
    on others. SIGTERM or Ctrl-C checkpoints the current run and releases it for another worker.
    """
    let_idle_threads_sleep()
    from foreword.observability import logging
    from foreword.scheduling.process import run_worker
    from foreword.storage.artifacts.store import ArtifactStore
    from foreword.storage.database import Database

    settings = read_settings(home=home, log_level=log_level)
    logging.configure(settings.log_level, settings.log_format)
    make_home(settings)
    if not until_stdin_closes:  # or else the service that started this worker has warned already
        with closing(Database(settings.resolved_database_url)) as database:
            warn_of_open_files(settings, database.file, ArtifactStore(settings.resolved_artifacts_url).folder)
    run_worker(settings, until_stdin_closes=until_stdin_closes)
