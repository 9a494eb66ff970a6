"""`foreword experiments export` and `foreword evaluations export`: runs in MLflow or TensorBoard."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foreword.cli.session import json_option, with_client

if TYPE_CHECKING:
    from foreword.client import Client, ExportedRun

_QUIET_MLFLOW = {
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # standard output is for the result
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a person waits; by default, it tries for four minutes
}


def _tracking_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where MLflow is."""
    for option in (
        click.option("--experiment-name", default="foreword", show_default=True, help="MLflow experiment of the runs."),
        click.option(
            "--tracking-uri",
            envvar="MLFLOW_TRACKING_URI",
            show_envvar=True,
            help="Address of MLflow: a tracking server or a database, such as sqlite:///mlflow.db.",
        ),
    ):
        function = option(function)
    return function


@click.command(short_help="Write runs to MLflow or TensorBoard.")
@click.argument("experiments", nargs=-1)
@click.option("--filter", default="", help="Export all runs that meet a condition, such as 'tags.team = \"billing\"'.")
@click.option("--to", type=click.Choice(["mlflow", "tensorboard"]), required=True, help="Where to write the runs.")
@_tracking_options
@click.option("--logdir", type=click.Path(file_okay=False, path_type=Path), help="Folder of TensorBoard.")
@json_option
@with_client
def export(
    client: Client,
    experiments: tuple[str, ...],
    filter: str,
    to: str,
    tracking_uri: str | None,
    experiment_name: str,
    logdir: Path | None,
    as_json: bool,
) -> None:
    """Write runs to MLflow or TensorBoard: parameters, tags, curves, results, hashes of the data, and the recipe.

    EXPERIMENTS are ids or display names. A run that was exported before is updated, so that it can be exported while it
    runs and again once it has ended. MLflow needs the extra `mlflow`, TensorBoard the extra `tensorboard`.
    """
    if bool(experiments) == bool(filter):
        raise click.UsageError("Pass either the names of runs or --filter.")
    if to == "mlflow" and not tracking_uri:
        raise click.UsageError("--to mlflow needs --tracking-uri, or MLFLOW_TRACKING_URI.")
    if to == "tensorboard" and logdir is None:
        raise click.UsageError("--to tensorboard needs --logdir.")
    chosen = list(experiments) or [item.name for item in client.list_tune_experiments(filter=filter)]
    exported: list[ExportedRun]
    if logdir is not None and to == "tensorboard":
        exported = client.export_to_tensorboard(chosen, logdir)
    else:
        _quieten_mlflow()
        exported = client.export_to_mlflow(chosen, tracking_uri=tracking_uri or "", experiment_name=experiment_name)
    _report(exported, "run", as_json=as_json)


@click.command("export", short_help="Write evaluations to MLflow.")
@click.argument("evaluations", nargs=-1)
@click.option("--filter", default="", help="Export all evaluations that meet a condition, such as 'state = SUCCEEDED'.")
@_tracking_options
@json_option
@with_client
def export_evaluations(
    client: Client,
    evaluations: tuple[str, ...],
    filter: str,
    tracking_uri: str | None,
    experiment_name: str,
    as_json: bool,
) -> None:
    """Write evaluations to MLflow: systems, metrics with their intervals, differences, hashes of the data.

    EVALUATIONS are ids or display names. One that was exported before is updated. MLflow needs the extra `mlflow`.
    """
    if bool(evaluations) == bool(filter):
        raise click.UsageError("Pass either the names of evaluations or --filter.")
    if not tracking_uri:
        raise click.UsageError("An export needs --tracking-uri, or MLFLOW_TRACKING_URI.")
    chosen = list(evaluations) or [item.name for item in client.list_evaluations(filter=filter)]
    _quieten_mlflow()
    exported = client.export_evaluations_to_mlflow(chosen, tracking_uri=tracking_uri, experiment_name=experiment_name)
    _report(exported, "evaluation", as_json=as_json)


def _quieten_mlflow() -> None:
    for name, value in _QUIET_MLFLOW.items():
        os.environ.setdefault(name, value)


def _report(exported: Sequence[ExportedRun], noun: str, *, as_json: bool) -> None:
    """Print what an export has made.

    Args:
        noun: What was exported.
    """
    from foreword.cli.render import out_console, print_json, short_name

    if as_json:
        print_json(exported)
        return
    console = out_console()
    for item in exported:
        made = "exported as" if item.is_new else "updated in"
        console.print(f"{item.display_name} ({short_name(item.name)}) {made} {item.target}")
    if not exported:
        console.print(f"No {noun} meets the condition.")
