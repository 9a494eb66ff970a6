"""`foreword evaluations`: management of evaluations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from foreword.cli.export import export_evaluations
from foreword.cli.picture_option import plot_option
from foreword.cli.session import json_option, limit_option, selection_options, view_option, with_client
from foreword.domain.job import JobState
from foreword.domain.resource_view import ResourceView

if TYPE_CHECKING:
    from foreword.client import Client

_ROWS = 20
"""Number of rows that are printed for people by default."""


@click.group()
def evaluations() -> None:
    """Manage evaluations.

    EVALUATION is the id or the display name of an evaluation.
    """


@evaluations.command("list")
@selection_options("state = RUNNING")
@view_option
@limit_option
@json_option
@with_client
def list_(client: Client, filter: str, order_by: str, view: str, limit: int, as_json: bool) -> None:
    """List evaluations, newest first."""
    from foreword.cli.render import print_listing, short_name
    from foreword.cli.render.listing import age
    from foreword.cli.render.states import job_state

    print_listing(
        client.list_evaluations(filter=filter, order_by=order_by, view=ResourceView(view), limit=limit),
        {
            "evaluation": lambda item: short_name(item.name),
            "name": lambda item: item.display_name,
            "state": job_state,
            "done": lambda item: f"{item.progress.percent:.0f} %",
            "systems": lambda item: str(len(item.systems)),
            "dataset": lambda item: short_name(item.dataset),
            "created": lambda item: age(item.create_time),
        },
        right=["done", "systems"],
        as_json=as_json,
    )


@evaluations.command()
@click.argument("evaluation")
@plot_option("Write a picture of the results to this image file.")
@json_option
@with_client
def show(client: Client, evaluation: str, plot: Path | None, as_json: bool) -> None:
    """Show an evaluation: its systems, how far it is, its results and how the systems differ."""
    from foreword.cli.render import err_console, out_console, print_json
    from foreword.cli.render.evaluations import print_evaluation, print_systems

    found = client.get_evaluation(evaluation)
    if plot is not None:
        client.plot_evaluation(found, plot)
        err_console().print(f"Wrote the picture to {plot}.")
    if as_json:
        print_json(found)
        return
    print_systems(out_console(), found)
    print_evaluation(out_console(), found)


@evaluations.command()
@click.argument("evaluation")
@with_client
def watch(client: Client, evaluation: str) -> None:
    """Follow an evaluation until it has ended, and show its results.

    Exits with status 1 if it did not succeed.
    """
    from foreword.cli.evaluate import follow
    from foreword.cli.render import out_console
    from foreword.cli.render.evaluations import print_evaluation

    ended = follow(client, client.get_evaluation(evaluation))
    print_evaluation(out_console(), ended)
    if ended.state is not JobState.SUCCEEDED:
        raise click.exceptions.Exit(1)


@evaluations.command()
@click.argument("evaluation")
@click.option("--different", "selection", flag_value="different", help="Only rows that are not answered alike.")
@click.option("--wrong", "selection", flag_value="wrong", help="Only rows that the first system answers wrongly.")
@click.option(
    "--limit", type=click.IntRange(min=1), help=f"Maximum number of rows.  [default: {_ROWS}, with --json all]"
)
@click.option("--json", "as_json", is_flag=True, help="Print each row as JSON in a line.")
@with_client
def rows(client: Client, evaluation: str, selection: str | None, limit: int | None, as_json: bool) -> None:
    """List the rows of an evaluation with the answers of all systems.

    Wrong answers are red on a terminal. The number behind an answer is its probability.
    """
    from foreword.cli.render import out_console
    from foreword.cli.render.console import plain
    from foreword.cli.render.evaluations import print_rows

    if as_json:
        for row in client.list_evaluation_rows(evaluation, selection=selection or "all", limit=limit):
            click.echo(json.dumps(plain(row), ensure_ascii=False))
        return
    most = limit or _ROWS
    # One more, to know whether there are more.
    found = list(client.list_evaluation_rows(evaluation, selection=selection or "all", limit=most + 1))
    print_rows(out_console(), found[:most])
    if not found:
        click.echo("There are no such rows.", err=True)
    elif len(found) > most:
        click.echo("There are more rows; list more with --limit, or all of them with --json.", err=True)


@evaluations.command()
@click.argument("evaluation")
@with_client
def cancel(client: Client, evaluation: str) -> None:
    """Cancel an evaluation. It stops after the current batch, and keeps its answers so far, with partial results.

    Without a worker to score them, it has no results, but a retry takes the answers over.
    """
    cancelled = client.cancel_evaluation(evaluation)
    click.echo(f"{cancelled.display_name} is {cancelled.state.value}.")


@evaluations.command()
@click.argument("evaluation")
@click.option("--from-beginning", is_flag=True, help="Answer all rows, even if there are answers to take over.")
@click.option("--wait/--no-wait", default=True, help="Wait for the results.  [default: wait]")
@json_option
@with_client
def retry(client: Client, evaluation: str, from_beginning: bool, wait: bool, as_json: bool) -> None:
    """Repeat an evaluation that has failed or was cancelled.

    The new one has the same configuration. It takes over the answers of the first one, which are kept for seven days,
    and answers the other rows. The first one stays as it is. Exits with status 1 if the new one does not succeed.
    """
    from foreword.cli.evaluate import follow
    from foreword.cli.render import err_console, out_console, print_json, short_name
    from foreword.cli.render.evaluations import beginning_text, print_evaluation

    console = err_console() if as_json else out_console()
    made = client.retry_evaluation(evaluation, from_beginning=from_beginning)
    console.print(f"{made.display_name} {beginning_text(made)}.")
    if wait:
        made = follow(client, made)
        print_evaluation(console, made)
    else:
        console.print(f"Queued. Watch it with: foreword evaluations watch {short_name(made.name)}")
    if as_json:
        print_json(made)
    if wait and made.state is not JobState.SUCCEEDED:
        raise click.exceptions.Exit(1)


@evaluations.command()
@click.argument("evaluation")
@with_client
def delete(client: Client, evaluation: str) -> None:
    """Delete an evaluation that has ended, with its rows. Its dataset is kept."""
    client.delete_evaluation(evaluation)
    click.echo(f"Deleted {evaluation}.")


evaluations.add_command(export_evaluations)
