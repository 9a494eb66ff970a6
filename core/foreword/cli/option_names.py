"""Translation of errors from the fields of a request to the options of a command."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import click

from foreword.errors import FieldViolation, ForewordError, InvalidArgumentError

_OTHER_NAMES = {
    "canary.share": "canary_share",
    "chunk": "file",
    "api_key.expire_time": "days",
    "batch_job.dataset": "file_or_dataset",
    "batch_job.model": "model",
    "evaluation.dataset": "file_or_dataset",
    "evaluation.examples_dataset": "examples",
    "names": "experiments",
    "parent": "tenant",
    "prompt_variables": "variable",
    "shadow.share": "shadow_share",
    "structured.examples": "example",
    "structured.input": "text",
    "tune_experiment.validation_dataset": "validation",
    "tune_sweep.seed": "search_seed",
    "tune_sweep.swept_parameters": "tried",
    "tune_sweep.tune_experiment.validation_dataset": "validation",
}
"""Parameters of commands whose names differ from the field that they set."""
_RESOURCES = {"api_key": "key", "tune_experiment": "experiment", "tune_sweep": "sweep", "tuned_model": "model"}
"""Arguments that have a shorter name than the resource they refer to."""


def in_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a command report errors by its options: `--batch-size`, not `tune_experiment.parameters.batch_size`."""

    @functools.wraps(function)
    def command(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except ForewordError as error:
            _translate(error, click.get_current_context().command)
            raise

    return command


def with_option_names(text: str) -> str:
    """Return a text with the options of the running command instead of the fields in backticks: --task for `task`.

    A flag that is to be set to true or false becomes the option that does so, such as --single-label.
    """
    context = click.get_current_context(silent=True)
    if context is None:
        return text
    for parameter in context.command.params:
        if isinstance(parameter, click.Option) and parameter.secondary_opts:
            for value, options in (("true", parameter.opts), ("false", parameter.secondary_opts)):
                for verb, instead in (("Set", "Use"), ("set", "use")):
                    text = text.replace(f"{verb} `{parameter.name}` to {value}", f"{instead} {options[0]}")
    return _in_backticks(text, _shown_options(context.command))


def _translate(error: ForewordError, command: click.Command) -> None:
    shown = _shown_options(command)
    if isinstance(error, InvalidArgumentError):
        violations = []
        for item in error.violations:
            option = _option(item.field, shown)
            begins = rf"(^|; ){re.escape(item.field)}: "  # the form of a message that lists several fields
            error.message = re.sub(begins, rf"\g<1>{option}: ", error.message)
            violations.append(FieldViolation(field=option, description=item.description))
        error.violations = tuple(violations)
    error.message = _in_backticks(error.message, shown)


def _shown_options(command: click.Command) -> dict[str, str]:
    return {parameter.name: _shown(parameter) for parameter in command.params if parameter.name}


def _in_backticks(text: str, shown: dict[str, str]) -> str:
    """Replace the names in backticks that have an option."""
    return re.sub(r"`(\w+)`", lambda found: shown.get(found[1], found[0]), text)


def _option(field: str, shown: dict[str, str]) -> str:
    """Return the option that sets a field, or the field itself."""
    path = re.sub(r"\[[^]]*\]", "", field)
    for other, name in _OTHER_NAMES.items():
        if path == other or path.startswith(f"{other}."):
            return shown.get(name, field)
    named = re.search(r"\.(?:extra|method_parameters)\.(.+)$", path)
    if named and "named" in shown:
        return f"{shown['named']} {named[1]}"
    tagged = re.search(r"\.tags\.(.+)$", path)
    if tagged and "tags" in shown:
        return f"{shown['tags']} {tagged[1]}"
    last = path.rsplit(".", 1)[-1]
    return field if path.startswith("rows") else shown.get(last) or shown.get(_RESOURCES.get(last, ""), field)


def _shown(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Argument):
        return parameter.human_readable_name
    return max(parameter.opts, key=len)
