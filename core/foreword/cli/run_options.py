"""Options of the commands that plan runs, and what they make of them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foreword.cli.column_options import column_options
from foreword.cli.named_options import Holder, NamedOptions, chosen, named_options, read_named_options
from foreword.cli.tag_options import tag_option
from foreword.cli.task_options import task_options
from foreword.domain.experiment import DEFAULT_TUNING_TYPE, TaskOptions
from foreword.domain.parameters import TUNE_PARAMETER_SPECS, ParameterSpec, TuneParameters

if TYPE_CHECKING:
    from foreword.client import Client

_TYPES: dict[str, click.ParamType[Any]] = {"int": click.INT, "float": click.FLOAT, "string": click.STRING}
_RUN: tuple[str, ...] = ("base_model", "task", "tuning_type", "verbalizer", "instruction", "evaluate_base", "tags")
"""Options that are arguments of `Client.create_tune_experiment` as they are."""


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


def run_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the rows and all settings of a run to a command: FILE, --dataset, --validation, --name and the parameters.

    The command gets `file`, `dataset`, `validation`, `display_name`, and the rest as `settings`.
    """

    @click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @click.option("--dataset", help="Id or display name of a stored dataset, instead of FILE.")
    @click.option(
        "--validation",
        help="File of held-out rows, or id or display name of a stored dataset.  [default: a share of the rows]",
    )
    @click.option("--name", "display_name", default="", help="Display name.  [default: the name of the file]")
    @column_options
    @click.option("--base-model", default="", help="Name or alias of the base model.  [default: the service's]")
    @task_options
    @named_options("Set an option of the task or a parameter of the tuning method; may be repeated.")
    @click.option(
        "--tuning-type", default="", help="Tuning method: prompt_tuning, ia3 or a plugin's.  [default: prompt_tuning]"
    )
    @click.option("--verbalizer", default="", help="Template with one {{input}} that is applied to every input.")
    @click.option("--instruction", default="", help="Instruction for the untuned base model in the comparison.")
    @click.option(
        "--evaluate-base/--no-evaluate-base", default=None, help="Compare with the base model.  [default: yes]"
    )
    @tag_option("Tag of the run and its model, to search by, such as team=billing; may be repeated.")
    @_parameter_options
    @functools.wraps(function)
    def command(
        *arguments: Any,
        file: Path | None,
        dataset: str | None,
        options: TaskOptions,
        named: tuple[str, ...],
        **values: Any,
    ) -> Any:
        if (file is None) == (dataset is None):
            raise click.UsageError("Pass either FILE or --dataset.")
        run = {name: values.pop(name) for name in _RUN}
        columns = {name: values.pop(name) for name in ("input_column", "output_column")}
        parameters = {spec.name: values.pop(spec.name) for spec in TUNE_PARAMETER_SPECS}
        settings = RunSettings(run, parameters, options, named, columns)
        return function(*arguments, file=file, dataset=dataset, settings=settings, **values)

    return command


class RunSettings:
    """The settings of a run as options set them.

    Args:
        run: Values of `_RUN`.
        parameters: Tuning parameters by name; None for those that are not set.
        options: Options of the task.
        named: Options of the task and parameters of the tuning method as `NAME=VALUE`.
        columns: Names of the columns of the files, as arguments of `Client.upload_dataset`.
    """

    def __init__(
        self,
        run: dict[str, Any],
        parameters: dict[str, Any],
        options: TaskOptions,
        named: tuple[str, ...],
        columns: Mapping[str, str],
    ) -> None:
        self.columns = columns
        self._run = run
        self._parameters = parameters
        self._options = options
        self._named = named

    def arguments(self, client: Client) -> dict[str, Any]:
        """Return the arguments of `Client.create_tune_experiment` and `Client.create_tune_sweep` that they set."""
        values = NamedOptions()
        if self._named:
            values = read_named_options(self._named, _holders(client, self._run["task"], self._run["tuning_type"]))
        return {
            **self._run,
            "task_options": values.within(self._options),
            "parameters": TuneParameters(**self._parameters, method_parameters=values.method),
        }


def serving_name(display_name: str) -> str:
    """Return a serving name that resembles a display name."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", display_name).strip("-")[:63] or "my-model"


def _holders(client: Client, task: str, tuning_type: str) -> list[Holder]:
    """Return the task and the tuning method whose options can be set; all tasks if none is set."""
    tasks = [Holder(kind="task", id=item.id, specs=item.options) for item in client.list_tasks()]
    methods = [Holder(kind="method", id=item.id, specs=item.parameters) for item in client.list_tuning_methods()]
    return [
        *chosen(tasks, task, option="--task"),
        *chosen(methods, tuning_type or DEFAULT_TUNING_TYPE, option="--tuning-type"),
    ]
