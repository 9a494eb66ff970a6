"""Command-line options for generation parameters, and their conversion into arguments of the client."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

import click

from foreword.domain.generate_parameters import GENERATE_PARAMETER_SPECS
from foreword.domain.parameters import ParameterSpec

_TYPES: Final[Mapping[str, click.ParamType[Any]]] = {
    "int": click.INT,
    "float": click.FLOAT,
    "string": click.STRING,
    "string_list": click.STRING,
}
_NAMES: Final = {"random_seed": "--seed", "stop_sequences": "--stop"}
"""Options whose names differ from their parameter."""


def generation_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for every generation parameter to a command, passed as `parameters` for the client.

    The service checks their ranges, because some depend on the model.
    """

    @functools.wraps(function)
    def command(*arguments: Any, sample: bool, **options: Any) -> Any:
        from foreword.client.keywords import generate_keywords

        given = {spec.name: options.pop(_keyword(spec)) for spec in _OPTIONS}
        parameters = {path: value for path, value in given.items() if value is not None and value is not False}
        if sample:
            parameters["decoding_method"] = "sample"
        return function(*arguments, parameters=generate_keywords(parameters), **options)

    added: Callable[..., Any] = command
    for spec in reversed(_OPTIONS):
        added = _option(spec)(added)
    sample = click.option("--sample", is_flag=True, help="Draw each token at random instead of the most likely one.")
    return sample(added)


_OPTIONS: Final = [spec for spec in GENERATE_PARAMETER_SPECS if spec.name != "decoding_method"]


def _option(spec: ParameterSpec) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    name = _NAMES.get(spec.name, f"--{_keyword(spec).replace('_', '-')}")
    if spec.type == "bool":
        return click.option(name, _keyword(spec), is_flag=True, help=spec.description)
    unset = spec.default in (None, 0, ()) or spec.type == "string_list"
    default = "" if unset else f"  [default: {spec.default:g}]"
    return click.option(
        name,
        _keyword(spec),
        type=_TYPES[spec.type],
        metavar=spec.unit.upper() or None,
        multiple=spec.type == "string_list",
        help=f"{spec.description}{default}",
    )


def _keyword(spec: ParameterSpec) -> str:
    """Return the name of an option's value: the last part of its path, with which the service's errors end, too."""
    return spec.name.rpartition(".")[2]
