"""`foreword sweeps`: management of sweeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from foreword.cli.picture_option import plot_option
from foreword.cli.session import json_option, limit_option, selection_options, view_option, with_client
from foreword.domain.resource_view import ResourceView
from foreword.domain.sweep_outcome import SweepState
from foreword.errors import NotFoundError

if TYPE_CHECKING:
    from foreword.client import Client, TuneSweep


@click.group()
def sweeps() -> None:
    """Manage sweeps.

    SWEEP is the id or the display name of a sweep. Its trials are runs: `foreword experiments` manages them.
    """


@sweeps.command("list")
@selection_options("state = RUNNING")
@view_option
@limit_option
@json_option
@with_client
def list_(client: Client, filter: str, order_by: str, view: str, limit: int, as_json: bool) -> None:
    """List sweeps, newest first."""
    from foreword.cli.render import print_json, print_listing, short_name
    from foreword.cli.render.listing import age
    from foreword.cli.render.sweep import sweep_json, sweep_state
    from foreword.cli.render.tags import tags_column

    found = client.list_tune_sweeps(filter=filter, order_by=order_by, view=ResourceView(view), limit=limit)
    if as_json:
        print_json([sweep_json(sweep) for sweep in found])
        return
    print_listing(
        found,
        {
            "sweep": lambda item: short_name(item.name),
            "name": lambda item: item.display_name,
            "state": sweep_state,
            "trials": lambda item: str(item.plan.trial_count),
            "tuned model": lambda item: short_name(item.tuned_model),
            **tags_column(found),
            "created": lambda item: age(item.create_time),
        },
        right=["trials"],
        as_json=False,
    )


@sweeps.command()
@click.argument("sweep")
@plot_option("Write the curves to this image file.")
@json_option
@with_client
def show(client: Client, sweep: str, plot: Path | None, as_json: bool) -> None:
    """Show a sweep: its trials, how far each has come, and the best."""
    from foreword.cli.render import err_console, out_console, print_json
    from foreword.cli.render.sweep import print_sweep, sweep_json

    found = client.get_tune_sweep(sweep)
    if plot is not None:
        client.plot_sweep(found, plot)
        err_console().print(f"Wrote the curves to {plot}.")
    if as_json:
        print_json(sweep_json(found))
        return
    print_sweep(out_console(), found, dataset=_dataset(client, found))


@sweeps.command()
@click.argument("sweep")
@with_client
def watch(client: Client, sweep: str) -> None:
    """Follow a sweep until it has ended, and show its trials."""
    from foreword.cli.render import out_console
    from foreword.cli.render.sweep import print_sweep
    from foreword.cli.sweep import follow

    ended = follow(client, client.get_tune_sweep(sweep))
    print_sweep(out_console(), ended, dataset=_dataset(client, ended))
    if ended.state is not SweepState.SUCCEEDED:
        raise click.exceptions.Exit(1)


@sweeps.command()
@click.argument("sweep")
@with_client
def cancel(client: Client, sweep: str) -> None:
    """Stop all trials of a sweep."""
    cancelled = client.cancel_tune_sweep(sweep)
    click.echo(f"{cancelled.display_name} is {cancelled.state.value}.")


@sweeps.command()
@click.argument("sweep")
@with_client
def delete(client: Client, sweep: str) -> None:
    """Delete a sweep that has ended, with its trials. Tuned models are kept."""
    client.delete_tune_sweep(sweep)
    click.echo(f"Deleted {sweep}.")


def _dataset(client: Client, sweep: TuneSweep) -> str:
    """Return the display name of the dataset of a sweep, or its id if it has been deleted."""
    try:
        return client.get_dataset(sweep.dataset).display_name
    except NotFoundError:
        return sweep.dataset.rsplit("/", 1)[-1]
