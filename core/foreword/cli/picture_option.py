"""`--plot FILE`: a picture that a command draws at its end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from foreword.client.paths import check_picture_path
from foreword.errors import InvalidArgumentError


def plot_option(help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the option `--plot` to a command. The path is checked at once, before a run that takes long."""

    def check(_: click.Context, __: click.Parameter, value: Path | None) -> Path | None:
        if value is not None:
            try:
                check_picture_path("plot", value)
            except InvalidArgumentError as error:
                raise click.BadParameter(error.violations[0].description) from error
        return value

    return click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), callback=check, help=help)
