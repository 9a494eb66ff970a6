"""`foreword tune`: from a file of examples to a tuned model, with progress."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from foreword.cli.picture_option import plot_option
from foreword.cli.run_options import RunSettings, run_options, serving_name
from foreword.cli.session import json_option, with_client
from foreword.cli.uploads import uploaded_rows
from foreword.domain.job import JobState

if TYPE_CHECKING:
    from foreword.client import Client, TuneExperiment


@click.command(short_help="Tune a prompt on a file of examples.")
@run_options
@click.option("--dry-run", is_flag=True, help="Show the plan without running it.")
@click.option("--detach", "-d", is_flag=True, help="Queue the run and return at once.")
@plot_option("Write the learning curve to this image file.")
@json_option
@with_client
def tune(
    *,
    client: Client,
    file: Path | None,
    dataset: str | None,
    validation: str | None,
    display_name: str,
    settings: RunSettings,
    dry_run: bool,
    detach: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Tune a prompt on FILE.

    FILE is JSONL, JSON or CSV with the columns `input` and `output`. A share of its rows is held out to choose the best
    epoch and to measure the result, unless --validation sets other rows for that. Parameters that are not set take the
    values of the base model's recipe for the tuning method; the plan shows them.
    """
    from foreword.cli.render import (
        err_console,
        out_console,
        print_experiment_result,
        print_json,
        print_plan,
        short_name,
    )

    # With JSON on standard output, the text for people goes to standard error.
    console = err_console() if as_json else out_console()
    arguments = settings.arguments(client)
    checked = {**arguments, **settings.columns}
    with uploaded_rows(client, file, dataset, validation, checked, display_name=display_name, is_dry_run=dry_run) as (
        data,
        held_out,
    ):
        experiment = client.create_tune_experiment(
            data,
            validation_dataset=held_out,
            display_name=display_name or data.display_name,
            validate_only=dry_run,
            **arguments,
        )
    source = file.name if file is not None else data.display_name
    console.print(f"{experiment.display_name}: {short_name(experiment.base_model)} on {source}")
    print_plan(console, experiment.plan)
    if dry_run or detach:
        if detach and not dry_run:
            console.print(f"Queued. Watch it with: foreword experiments watch {short_name(experiment.name)}")
        if as_json:
            print_json(experiment)
        return
    ended = follow(client, experiment)
    print_experiment_result(console, ended)
    if plot is not None:
        client.plot_learning_curve(ended, plot)
        console.print(f"Wrote the learning curve to {plot}.")
    if as_json:
        print_json(ended)
    if ended.state is not JobState.SUCCEEDED:
        raise click.exceptions.Exit(1)
    console.print(f"Next: foreword deploy {short_name(ended.tuned_model)} --name {serving_name(ended.display_name)}")


def follow(client: Client, experiment: TuneExperiment) -> TuneExperiment:
    """Show a run until it has ended, and return it. On Ctrl-C, ask whether to cancel it."""
    from foreword.cli.render import TuneProgressView, err_console

    try:
        with TuneProgressView(err_console()) as view:
            for current in client.watch_tune_experiment(experiment):
                view.update(current)
    except KeyboardInterrupt:
        if not wants_to_cancel("run"):
            click.echo(
                f"The run continues. Watch it with: foreword experiments watch {_last(experiment.name)}", err=True
            )
            raise
        client.cancel_tune_experiment(experiment)
        for _ in client.watch_tune_experiment(experiment):
            pass
    return client.get_tune_experiment(experiment)


def wants_to_cancel(what: str) -> bool:
    """Ask whether to cancel a run or a sweep. Without a terminal, it is kept."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    try:
        return click.confirm(f"\nCancel the {what}? Otherwise it continues in the background", err=True)
    except click.Abort:
        return False


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]
