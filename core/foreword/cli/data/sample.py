"""`foreword data sample`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from foreword.samples import SAMPLES


@click.command()
@click.argument("name", default="complaints", type=click.Choice(SAMPLES))
def sample(name: str) -> None:
    """Print sample data.

    complaints is a training file for classification: complaints and their departments. complaints_v2 is badly
    distributed and shows the warnings of `foreword data check`. complaints_unseen has held-out rows for trying a tuned
    model. replies is for generation and summaries for summarization.
    """
    from foreword.samples import sample_path

    sys.stdout.write(Path(sample_path(name)).read_text(encoding="utf-8"))
