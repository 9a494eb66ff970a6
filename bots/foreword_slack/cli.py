"""The commands `foreword slack ...`."""

from __future__ import annotations

import click


@click.group()
def slack() -> None:
    """Routes complaints in Slack to the right departments."""
