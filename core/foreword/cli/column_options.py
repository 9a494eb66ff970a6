"""The options that name the columns of files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def input_column_option(command: Command) -> Command:
    """Add the option that names the column with the inputs."""
    return _column_option("input", "prompt")(command)


def column_options(command: Command) -> Command:
    """Add the options that name the columns of the files that a command reads."""
    return input_column_option(_column_option("output", "completion")(command))


def _column_option(column: str, usual: str) -> Callable[[Command], Command]:
    return click.option(
        f"--{column}-column",
        default="",
        help=f"Column with the {column}s.  [default: {column}, or a usual name such as {usual}]",
    )
