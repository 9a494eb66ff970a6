"""`foreword spaces`: management of spaces, the groups of deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from foreword.cli.session import json_option, selection_options, with_client
from foreword.domain.deployment import Stage

if TYPE_CHECKING:
    from foreword.client import Client


@click.group()
def spaces() -> None:
    """Manage spaces, the groups of deployments."""


@spaces.command("list")
@selection_options("stage = PRODUCTION")
@json_option
@with_client
def list_(client: Client, filter: str, order_by: str, as_json: bool) -> None:
    """List spaces."""
    from foreword.cli.render import print_listing, short_name
    from foreword.cli.render.listing import age

    print_listing(
        client.list_spaces(filter=filter, order_by=order_by),
        {
            "space": lambda item: short_name(item.name),
            "name": lambda item: item.display_name,
            "stage": lambda item: item.stage.value,
            "created": lambda item: age(item.create_time),
        },
        as_json=as_json,
    )


@spaces.command()
@click.argument("space")
@click.option("--name", "display_name", default="", help="Display name.")
@click.option("--description", default="", help="Description.")
@click.option(
    "--stage",
    type=click.Choice([stage.value for stage in Stage]),
    default=Stage.DEVELOPMENT.value,
    show_default=True,
    help="Stage of its deployments.",
)
@json_option
@with_client
def create(client: Client, space: str, display_name: str, description: str, stage: str, as_json: bool) -> None:
    """Create a space for `foreword deploy --space SPACE`."""
    from foreword.cli.render import print_json

    made = client.create_space(space, display_name=display_name, description=description, stage=Stage(stage))
    if as_json:
        print_json(made)
    else:
        click.echo(made.name)


@spaces.command()
@click.argument("space")
@with_client
def delete(client: Client, space: str) -> None:
    """Delete an empty space, by id or display name."""
    client.delete_space(space)
