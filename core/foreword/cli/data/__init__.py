"""`foreword data`: local work on training data with the installed plugins, without a service and without torch."""

import click

from foreword.cli.data.check import check
from foreword.cli.data.diff import diff
from foreword.cli.data.sample import sample
from foreword.cli.data.split import split


@click.group()
def data() -> None:
    """Check, divide, compare and print training data."""


for _command in (check, split, diff, sample):
    data.add_command(_command)

__all__ = ["data"]
