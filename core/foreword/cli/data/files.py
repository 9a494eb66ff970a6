"""Files of rows that commands on data read and write."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from foreword.client.exchange.row_source import source_chunks
from foreword.data.exchange.row_writer import check_extension
from foreword.domain.counted import counted
from foreword.errors import InvalidArgumentError

_CHUNK_BYTES = 256 * 1024

STANDARD_INPUT = Path("-")

INPUT = click.Path(exists=True, path_type=Path)
"""The type of an argument that is a file of rows, or the folder of a dataset."""

INPUT_OR_DASH = click.Path(exists=True, allow_dash=True, path_type=Path)
"""As `INPUT`, or - for standard input."""

escape_formulas_option = click.option(
    "--escape-formulas",
    is_flag=True,
    help="In CSV, put ' in front of cells that a spreadsheet would run as a formula: those that begin with = + - @ and "
    "are not numbers. A model is then tuned on the '.  [default: exact cells]",
)


def warn_of_formulas(output: Path, formula_count: int) -> None:
    """Say that a written file has cells that a spreadsheet would run."""
    if formula_count:
        click.echo(
            f"Warning: {counted(formula_count, 'cell')} of {output} {'begins' if formula_count == 1 else 'begin'} with "
            "= + - or @, and a spreadsheet may run them as formulas. They are exact, because a model is tuned on them. "
            "For a file to look at in a spreadsheet, use --escape-formulas.",
            err=True,
        )


def file_chunks(path: Path, *, split: str = "", input_column: str = "", output_column: str = "") -> Iterator[bytes]:
    """Yield the bytes of a file, as `source_chunks` does, and warn of what is left out."""
    if path == STANDARD_INPUT:
        while chunk := sys.stdin.buffer.read(_CHUNK_BYTES):
            yield chunk
        return
    yield from source_chunks(
        path,
        split=split,
        input_column=input_column,
        output_column=output_column,
        note=lambda text: click.echo(f"Warning: {text}", err=True),
    )


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
    check_place(option, output, *inputs)


def check_place(option: str, output: Path, *inputs: Path) -> None:
    """Check where a file is to be written, as `check_output` does, but not its extension."""
    if not output.parent.is_dir():
        raise click.BadParameter(f"the folder {str(output.parent)!r} does not exist; create it", param_hint=option)
    if any(output.exists() and output.samefile(path) for path in inputs):
        raise click.BadParameter(f"{output} is a file to read; choose another one to write", param_hint=option)
