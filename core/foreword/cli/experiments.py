"""`foreword experiments`: management of tuning runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from foreword.cli.export import export
from foreword.cli.picture_option import plot_option
from foreword.cli.session import json_option, limit_option, selection_options, view_option, with_client
from foreword.cli.tag_options import tag_change_options, tag_changes
from foreword.domain.job import JobState
from foreword.domain.resource_view import ResourceView
from foreword.domain.suspect_rows import MAX_SUSPECT_ROWS

if TYPE_CHECKING:
    from foreword.client import Client


@click.group()
def experiments() -> None:
    """Manage tuning runs.

    EXPERIMENT is the id or the display name of a run.
    """


@experiments.command("list")
@selection_options('state = RUNNING AND tags.team = "billing"')
@view_option
@limit_option
@json_option
@with_client
def list_(client: Client, filter: str, order_by: str, view: str, limit: int, as_json: bool) -> None:
    """List runs, newest first."""
    from foreword.cli.render import print_listing, short_name
    from foreword.cli.render.listing import age
    from foreword.cli.render.progress import progress_columns
    from foreword.cli.render.tags import tags_column

    found = client.list_tune_experiments(filter=filter, order_by=order_by, view=ResourceView(view), limit=limit)
    print_listing(
        found,
        {
            "experiment": lambda item: short_name(item.name),
            "name": lambda item: item.display_name,
            **progress_columns(),
            "base model": lambda item: short_name(item.base_model),
            **tags_column(found),
            "created": lambda item: age(item.create_time),
        },
        right=["done", "epoch", "loss"],
        as_json=as_json,
    )


@experiments.command()
@click.argument("experiment")
@plot_option("Write the learning curve to this image file.")
@json_option
@with_client
def show(client: Client, experiment: str, plot: Path | None, as_json: bool) -> None:
    """Show a run: its plan, its progress, its results and the rows that look mislabelled.

    Look at each of these rows: some are only hard to answer. Correct the wrong ones in your file and tune again.
    """
    from foreword.cli.render import err_console, out_console, print_experiment_result, print_json, print_plan

    found = client.get_tune_experiment(experiment)
    if plot is not None:
        client.plot_learning_curve(found, plot)
        err_console().print(f"Wrote the learning curve to {plot}.")
    if as_json:
        print_json(found)
        return
    console = out_console()
    print_plan(console, found.plan)
    print_experiment_result(console, found, most_suspects=MAX_SUSPECT_ROWS)


@experiments.command()
@click.argument("experiment")
@with_client
def watch(client: Client, experiment: str) -> None:
    """Watch a run until it has ended.

    Ctrl-C asks whether to cancel the run. Exits with status 1 if it did not succeed.
    """
    from foreword.cli.render import out_console, print_experiment_result
    from foreword.cli.tune import follow

    ended = follow(client, client.get_tune_experiment(experiment))
    print_experiment_result(out_console(), ended)
    if ended.state is not JobState.SUCCEEDED:
        raise click.exceptions.Exit(1)


@experiments.command()
@click.argument("experiments", nargs=-1, required=True)
@plot_option("Write the learning curves of all runs to this image file.")
@json_option
@with_client
def compare(client: Client, experiments: tuple[str, ...], plot: Path | None, as_json: bool) -> None:
    """Compare 2 to 20 runs: what differs, and their results beside those of the first.

    Metrics can be compared if they were measured on the same held-out rows; a warning names runs with other rows.
    """
    from foreword.cli.render import err_console, out_console, print_json
    from foreword.cli.render.comparison import print_comparison

    found = client.compare_tune_experiments(experiments)
    if plot is not None:
        client.plot_comparison(found, plot)
        err_console().print(f"Wrote the learning curves to {plot}.")
    if as_json:
        print_json(found)
        return
    print_comparison(out_console(), found)


@experiments.command()
@click.argument("experiment")
@click.option("--description", help="New description.")
@tag_change_options
@json_option
@with_client
def update(
    client: Client,
    experiment: str,
    description: str | None,
    tags: dict[str, str],
    removed_tags: tuple[str, ...],
    as_json: bool,
) -> None:
    """Change the description or the tags of a run.

    A tuned model has the tags that its run had when it succeeded; change them with `foreword models update`.
    """
    from foreword.cli.render import out_console, print_facts, print_json, short_name
    from foreword.cli.render.tags import tags_text

    changes = tag_changes(tags, removed_tags)
    found = client.update_tune_experiment(experiment, description=description, tags=changes)
    if as_json:
        print_json(found)
        return
    print_facts(
        out_console(),
        [
            ("experiment", short_name(found.name)),
            ("name", found.display_name),
            ("description", found.description),
            ("tags", tags_text(found.tags) or "none"),
        ],
    )


@experiments.command()
@click.argument("experiment")
@with_client
def cancel(client: Client, experiment: str) -> None:
    """Cancel a run. It stops within one step."""
    from foreword.cli.render import out_console, short_name

    found = client.cancel_tune_experiment(experiment)
    out_console().print(f"{short_name(found.name)} is {found.state.value}.")


@experiments.command()
@click.argument("experiment")
@click.option("--from-beginning", is_flag=True, help="Run from the beginning, even if there is a checkpoint.")
@click.option("--detach", "-d", is_flag=True, help="Queue the run and return at once.")
@json_option
@with_client
def retry(client: Client, experiment: str, from_beginning: bool, detach: bool, as_json: bool) -> None:
    """Repeat a run that has failed or was cancelled.

    The new run has the same configuration and tags. It continues from the last checkpoint of the first one, which is
    kept for seven days, or else runs from the beginning. The first one stays as it is. Exits with status 1 if the new
    one does not succeed.
    """
    from foreword.cli.render import err_console, out_console, print_experiment_result, print_json, short_name
    from foreword.cli.render.experiment import beginning_text
    from foreword.cli.tune import follow

    # With JSON on standard output, the text for people goes to standard error.
    console = err_console() if as_json else out_console()
    made = client.retry_tune_experiment(experiment, from_beginning=from_beginning)
    console.print(f"{made.display_name} {beginning_text(made)}.")
    if detach:
        console.print(f"Queued. Watch it with: foreword experiments watch {short_name(made.name)}")
    else:
        made = follow(client, made)
        print_experiment_result(console, made)
    if as_json:
        print_json(made)
    if not detach and made.state is not JobState.SUCCEEDED:
        raise click.exceptions.Exit(1)


@experiments.command()
@click.argument("experiment")
@with_client
def delete(client: Client, experiment: str) -> None:
    """Delete a run that has ended. Its tuned model is kept."""
    client.delete_tune_experiment(experiment)


experiments.add_command(export)
