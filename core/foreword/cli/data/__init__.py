"""`foreword data`: local work on training data with the installed plugins, without a service and without torch."""

import click

from foreword.cli.data.check import check
from foreword.cli.data.convert import convert
from foreword.cli.data.diff import diff
from foreword.cli.data.fix import fix
from foreword.cli.data.sample import sample
from foreword.cli.data.split import split


@click.group()
def data() -> None:
    """Check, correct, divide and compare training data."""


for _command in (check, fix, split, diff, convert, sample):
    data.add_command(_command)

__all__ = ["data"]
