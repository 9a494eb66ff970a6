"""Files that commands on data write."""

from __future__ import annotations

from pathlib import Path

import click

from foreword.data.exchange.row_writer import check_extension
from foreword.errors import InvalidArgumentError


def check_output(option: str, output: Path, *inputs: Path) -> None:
    """Check the path of a file that is to be written, before any work is done for it.

    Args:
        option: The command-line option that set it.
        inputs: Files that are read, none of which is overwritten.

    Raises:
        BadParameter: It names no format, its folder does not exist, or it is a file that is read.
    """
    try:
        check_extension(option, output)
    except InvalidArgumentError as error:
        raise click.BadParameter(error.violations[0].description, param_hint=option) from error
    if not output.parent.is_dir():
        raise click.BadParameter(f"the folder {str(output.parent)!r} does not exist; create it", param_hint=option)
    if any(output.exists() and output.samefile(path) for path in inputs):
        raise click.BadParameter(f"{output} is a file to read; choose another one to write", param_hint=option)
