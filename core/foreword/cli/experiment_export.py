"""`foreword experiments export`: runs in MLflow or TensorBoard."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from foreword.cli.session import json_option, with_client

if TYPE_CHECKING:
    from foreword.client import Client, ExportedRun

_QUIET_MLFLOW = {
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # standard output is for the result
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a person waits; by default, it tries for four minutes
}


@click.command(short_help="Write runs to MLflow or TensorBoard.")
@click.argument("experiments", nargs=-1)
@click.option("--filter", default="", help="Export all runs that meet a condition, such as 'tags.team = \"billing\"'.")
@click.option("--to", type=click.Choice(["mlflow", "tensorboard"]), required=True, help="Where to write the runs.")
@click.option(
    "--tracking-uri",
    envvar="MLFLOW_TRACKING_URI",
    show_envvar=True,
    help="Address of MLflow: a tracking server or a database, such as sqlite:///mlflow.db.",
)
@click.option("--experiment-name", default="foreword", show_default=True, help="MLflow experiment of the runs.")
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
    from foreword.cli.render import out_console, print_json, short_name

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
        for name, value in _QUIET_MLFLOW.items():
            os.environ.setdefault(name, value)
        exported = client.export_to_mlflow(chosen, tracking_uri=tracking_uri or "", experiment_name=experiment_name)
    if as_json:
        print_json(exported)
        return
    console = out_console()
    for item in exported:
        made = "exported as" if item.is_new else "updated in"
        console.print(f"{item.display_name} ({short_name(item.tune_experiment)}) {made} {item.target}")
    if not exported:
        console.print("No run meets the condition.")
