"""The options that name the columns of files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def column_options(command: Command) -> Command:
    """Add the options that name the columns of the files that a command reads."""
    for column in ("output", "input"):
        command = click.option(
            f"--{column}-column",
            default="",
            help=f"Column with the {column}s.  [default: {column}, or a usual name such as "
            f"{'prompt' if column == 'input' else 'completion'}]",
        )(command)
    return command
