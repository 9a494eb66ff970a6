"""`foreword sweep`: several runs with different parameters, of which the best is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foreword.cli.picture_option import plot_option
from foreword.cli.run_options import RunSettings, run_options
from foreword.cli.session import json_option, with_client
from foreword.cli.swept_options import naming_tried, read_swept
from foreword.cli.tune import wants_to_cancel
from foreword.cli.uploads import uploaded_rows
from foreword.domain.sweep_outcome import SweepState
from foreword.errors import CancelledError, FailedPreconditionError

if TYPE_CHECKING:
    from foreword.client import Client, TuneSweep


@click.command(short_help="Tune with several parameters at once and keep the best.")
@run_options
@click.option(
    "--try",
    "tried",
    metavar="NAME=VALUES",
    multiple=True,
    help="Values of a parameter to try, such as learning_rate=0.01,0.03, or with --random a range, such as "
    "learning_rate=0.003..0.3:log; may be repeated.",
)
@click.option(
    "--random", "max_combinations", type=click.IntRange(min=1), help="Try this many random combinations, not all."
)
@click.option(
    "--num-seeds", type=click.IntRange(min=1), default=1, help="Number of runs of each combination.", show_default=True
)
@click.option("--search-seed", type=int, default=0, help="Seed of the random search.", show_default=True)
@click.option("--halving/--no-halving", default=True, help="Stop weak trials early.  [default: yes]")
@click.option("--dry-run", is_flag=True, help="Show the plan and the trials without running them.")
@click.option("--detach", "-d", is_flag=True, help="Queue the sweep and return at once.")
@plot_option("Write the curves to this image file.")
@json_option
@with_client
def sweep(
    *,
    client: Client,
    file: Path | None,
    dataset: str | None,
    validation: str | None,
    display_name: str,
    settings: RunSettings,
    tried: tuple[str, ...],
    max_combinations: int | None,
    num_seeds: int,
    search_seed: int,
    halving: bool,
    dry_run: bool,
    detach: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Tune on FILE with several parameters at once, and keep the model that is best on the held-out rows.

    Every combination of the values of --try is a trial, with each of --num-seeds seeds. The trials are tuned together
    on one base model, and weak ones are stopped early. All other options are those of `foreword tune` and hold for all
    trials.
    """
    from foreword.cli.render import err_console, out_console, print_json, short_name
    from foreword.cli.render.sweep import print_sweep, print_sweep_plan, sweep_json

    console = err_console() if as_json else out_console()
    arguments = settings.arguments(client)
    checked = {**arguments, **settings.columns}
    swept = read_swept(tried)
    with (
        uploaded_rows(client, file, dataset, validation, checked, display_name=display_name, is_dry_run=dry_run) as (
            data,
            held_out,
        ),
        naming_tried(list(swept)),
    ):
        made = client.create_tune_sweep(
            data,
            validation_dataset=held_out,
            display_name=display_name or data.display_name,
            swept=swept,
            search="random" if max_combinations else "grid",
            max_combinations=max_combinations or 0,
            num_seeds=num_seeds,
            search_seed=search_seed,
            halving=halving,
            validate_only=dry_run,
            **arguments,
        )
    source = file.name if file is not None else data.display_name
    console.print(f"{made.display_name}: {short_name(made.base_model)} on {source}")
    print_sweep_plan(console, made, with_trials=dry_run)
    if dry_run or detach:
        if detach and not dry_run:
            console.print(f"Queued. Watch it with: foreword sweeps watch {short_name(made.name)}")
        if as_json:
            print_json(sweep_json(made))
        return
    ended = follow(client, made)
    print_sweep(console, ended, dataset=source)
    if plot is not None:
        client.plot_sweep(ended, plot)
        console.print(f"Wrote the curves to {plot}.")
    if as_json:
        print_json(sweep_json(ended))
    if ended.state is not SweepState.SUCCEEDED:
        raise click.exceptions.Exit(1)


def follow(client: Client, made: TuneSweep) -> TuneSweep:
    """Show a sweep until it has ended, and return it. On Ctrl-C, ask whether to cancel it."""
    from foreword.cli.render import err_console
    from foreword.cli.render.sweep import SweepProgressView

    view = SweepProgressView(err_console())
    try:
        with view:
            _wait(client, made, on_change=view.update)
    except KeyboardInterrupt:
        if not wants_to_cancel("sweep"):
            last = made.name.rsplit("/", 1)[-1]
            click.echo(f"The sweep continues. Watch it with: foreword sweeps watch {last}", err=True)
            raise
        client.cancel_tune_sweep(made)
        _wait(client, made)
    return client.get_tune_sweep(made)


def _wait(client: Client, made: TuneSweep, **options: Any) -> None:
    """Wait until a sweep has ended, however it ends."""
    try:
        client.wait_for_sweep(made, **options)
    except (CancelledError, FailedPreconditionError):
        return
