"""`foreword tune`: from a file of examples to a tuned model, with progress."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foreword.cli.named_options import Holder, NamedOptions, chosen, named_options, read_named_options
from foreword.cli.session import json_option, with_client
from foreword.cli.task_options import task_options
from foreword.domain.experiment import DEFAULT_TUNING_TYPE, ExperimentState, TaskOptions
from foreword.domain.parameters import TUNE_PARAMETER_SPECS, ParameterSpec, TuneParameters
from foreword.errors import ForewordError, InvalidRowsError, NotFoundError

if TYPE_CHECKING:
    from foreword.client import Client, Dataset, TuneExperiment

_TYPES: dict[str, click.ParamType[Any]] = {"int": click.INT, "float": click.FLOAT, "string": click.STRING}


def _parameter_option(spec: ParameterSpec) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option for a tuning parameter. The service checks its range."""
    name = spec.name.replace("_", "-")
    if spec.type == "bool":
        return click.option(f"--{name}/--no-{name}", spec.name, default=None, help=spec.description)
    kind = click.Choice(spec.choices) if spec.choices else _TYPES[spec.type]
    return click.option(f"--{name}", spec.name, type=kind, help=spec.description)


def _parameter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for spec in reversed(TUNE_PARAMETER_SPECS):
        function = _parameter_option(spec)(function)
    return function


@click.command(short_help="Tune a prompt on a file of examples.")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dataset", help="Id or display name of a stored dataset, instead of FILE.")
@click.option(
    "--validation",
    help="File of held-out rows, or id or display name of a stored dataset.  [default: a share of the rows]",
)
@click.option("--name", "display_name", default="", help="Display name.  [default: the name of the file]")
@click.option("--base-model", default="", help="Name or alias of the base model.  [default: the service's]")
@task_options
@named_options("Set an option of the task or a parameter of the tuning method; may be repeated.")
@click.option(
    "--tuning-type", default="", help="Tuning method: prompt_tuning, ia3 or a plugin's.  [default: prompt_tuning]"
)
@click.option("--verbalizer", default="", help="Template with one {{input}} that is applied to every input.")
@click.option("--instruction", default="", help="Instruction for the untuned base model in the comparison.")
@click.option("--evaluate-base/--no-evaluate-base", default=None, help="Compare with the base model.  [default: yes]")
@_parameter_options
@click.option("--dry-run", is_flag=True, help="Show the plan without running it.")
@click.option("--detach", "-d", is_flag=True, help="Queue the run and return at once.")
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write the learning curve to this image file."
)
@json_option
@with_client
def tune(
    *,
    client: Client,
    file: Path | None,
    dataset: str | None,
    validation: str | None,
    display_name: str,
    base_model: str,
    task: str,
    options: TaskOptions,
    named: tuple[str, ...],
    tuning_type: str,
    verbalizer: str,
    instruction: str,
    evaluate_base: bool | None,
    dry_run: bool,
    detach: bool,
    plot: Path | None,
    as_json: bool,
    **parameters: Any,
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

    if (file is None) == (dataset is None):
        raise click.UsageError("Pass either FILE or --dataset.")
    # With JSON on standard output, the text for people goes to standard error.
    console = err_console() if as_json else out_console()
    values = read_named_options(named, _holders(client, task, tuning_type)) if named else NamedOptions()
    options = values.within(options)
    uploads = _Uploads(client, base_model=base_model, task=task, task_options=options)
    try:
        data = client.get_dataset(dataset) if dataset else uploads.add(file, display_name)
        validation_dataset = _validation_dataset(client, validation, uploads) if validation else None
        experiment = client.create_tune_experiment(
            data,
            validation_dataset=validation_dataset,
            display_name=display_name or data.display_name,
            base_model=base_model,
            task=task,
            task_options=options,
            tuning_type=tuning_type,
            verbalizer=verbalizer,
            instruction=instruction,
            evaluate_base=evaluate_base,
            parameters=TuneParameters(**parameters, method_parameters=values.method),
            validate_only=dry_run,
        )
    except (ForewordError, click.ClickException):
        uploads.delete()
        raise
    if dry_run:
        uploads.delete()
    source = file.name if dry_run and file is not None else short_name(data.name)
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
    if ended.state is not ExperimentState.SUCCEEDED:
        raise click.exceptions.Exit(1)
    console.print(f"Next: foreword deploy {short_name(ended.tuned_model)} --name {_serving_name(ended.display_name)}")


def _holders(client: Client, task: str, tuning_type: str) -> list[Holder]:
    """Return the task and the tuning method whose options can be set; all tasks if none is set."""
    tasks = [Holder(kind="task", id=item.id, specs=item.options) for item in client.list_tasks()]
    methods = [Holder(kind="method", id=item.id, specs=item.parameters) for item in client.list_tuning_methods()]
    return [
        *chosen(tasks, task, option="--task"),
        *chosen(methods, tuning_type or DEFAULT_TUNING_TYPE, option="--tuning-type"),
    ]


def follow(client: Client, experiment: TuneExperiment) -> TuneExperiment:
    """Show a run until it has ended, and return it. On Ctrl-C, ask whether to cancel it."""
    from foreword.cli.render import TuneProgressView, err_console

    try:
        with TuneProgressView(err_console()) as view:
            for current in client.watch_tune_experiment(experiment):
                view.update(current)
    except KeyboardInterrupt:
        if not _wants_to_cancel():
            click.echo(
                f"The run continues. Watch it with: foreword experiments watch {_last(experiment.name)}", err=True
            )
            raise
        client.cancel_tune_experiment(experiment)
        for _ in client.watch_tune_experiment(experiment):
            pass
    return client.get_tune_experiment(experiment)


def _wants_to_cancel() -> bool:
    """Ask whether to cancel the run. Without a terminal, the run is kept."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    try:
        return click.confirm("\nCancel the run? Otherwise it continues in the background", err=True)
    except click.Abort:
        return False


class _Uploads:
    """The datasets that are uploaded for a run.

    Args:
        options: Options of `Client.upload_dataset` and `Client.check_dataset`.
    """

    def __init__(self, client: Client, **options: Any) -> None:
        self._client = client
        self._options = options
        self._stored: list[Dataset] = []

    def add(self, file: Path | None, display_name: str = "", *, with_warnings: bool = True) -> Dataset:
        """Upload a file. If rows are faulty, print the report.

        Args:
            with_warnings: Whether to print the warnings about the rows.
        """
        from foreword.cli.render import err_console, print_findings, print_report

        assert file is not None
        try:
            dataset = self._client.upload_dataset(file, display_name=display_name, **self._options)
        except InvalidRowsError as error:
            print_report(err_console(), self._client.check_dataset(file, **self._options), parts=False)
            raise click.ClickException(
                f"{file} has faulty rows, so nothing was stored. Correct them and try again."
            ) from error
        self._stored.append(dataset)
        if with_warnings and dataset.report is not None:
            print_findings(err_console(), dataset.report.warnings)
        return dataset

    def delete(self) -> None:
        """Delete the datasets of a refused run. A run that was queued keeps its data."""
        for dataset in self._stored:
            with suppress(ForewordError):
                self._client.delete_dataset(dataset)


def _validation_dataset(client: Client, validation: str, uploads: _Uploads) -> Dataset:
    """Return the dataset of a file, which is uploaded, or else the stored dataset with that id or display name."""
    path = Path(validation)
    if path.is_file():
        # Its warnings are about rows to train on, such as few rows of a label.
        return uploads.add(path, with_warnings=False)
    try:
        return client.get_dataset(validation)
    except NotFoundError as error:
        raise click.BadParameter(
            f"there is no file {validation!r}, and no stored dataset has that id or display name; list them with "
            "`foreword datasets list`",
            param_hint="--validation",
        ) from error


def _serving_name(display_name: str) -> str:
    """Return a serving name that resembles a display name."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", display_name).strip("-")[:63] or "my-model"


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]
