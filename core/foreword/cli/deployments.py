"""`foreword deploy` and `foreword deployments`: models under serving names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from foreword.cli.session import json_option, selection_options, view_option, with_client
from foreword.domain.resource_view import ResourceView
from foreword.errors import ForewordError

_TEXT = "Where are the 2 extra sets of sheets?"

if TYPE_CHECKING:
    from rich.text import Text

    from foreword.client import Client, Deployment


@click.command(short_help="Deploy a model under a serving name.")
@click.argument("model")
@click.option("--name", "serving_name", required=True, help="Serving name, which requests use.")
@click.option("--space", default="default", show_default=True, help="Id or display name of the space.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the deployment serves.")
@json_option
@with_client
def deploy(client: Client, model: str, serving_name: str, space: str, wait: bool, as_json: bool) -> None:
    """Deploy MODEL under a serving name.

    MODEL is the id, resource name or display name of a tuned model, or baseModels/NAME. It serves once it has passed
    its probe.
    """
    found = client.create_deployment(model, serving_name=serving_name, space=space, wait=wait)
    _print(client, found, as_json)


@click.group()
def deployments() -> None:
    """Manage deployments.

    DEPLOYMENT is the serving name, id, resource name or display name of a deployment.
    """


@deployments.command("list")
@selection_options("state = READY")
@view_option
@json_option
@with_client
def list_(client: Client, filter: str, order_by: str, view: str, as_json: bool) -> None:
    """List deployments, newest first."""
    from foreword.cli.render import print_listing, short_name
    from foreword.cli.render.listing import age

    print_listing(
        client.list_deployments(filter=filter, order_by=order_by, view=ResourceView(view)),
        {
            "serving name": lambda item: item.serving_name,
            "space": lambda item: item.name.split("/")[3],
            "state": _state,
            "model": lambda item: short_name(item.model),
            "revision": lambda item: str(item.serving_revision or ""),
            "changed": lambda item: age(item.update_time),
        },
        right=["revision"],
        as_json=as_json,
    )


@deployments.command()
@click.argument("deployment")
@json_option
@with_client
def show(client: Client, deployment: str, as_json: bool) -> None:
    """Show a deployment and its revisions."""
    from foreword.cli.render import out_console, print_facts, print_json, print_table, short_name
    from foreword.cli.render.listing import age

    found = client.get_deployment(deployment)
    if as_json:
        print_json(found)
        return
    console = out_console()
    print_facts(console, [("serving name", found.serving_name), ("name", found.name), ("state", _state(found))])
    console.print()
    print_table(
        console,
        ["revision", "model", "state", "probe effect", "created", ""],
        [
            (
                str(item.revision),
                short_name(item.model),
                item.state.value,
                f"{item.probe_effect:.2f} nats",
                age(item.create_time),
                "serving" if item.revision == found.serving_revision else item.failure.message if item.failure else "",
            )
            for item in found.revisions
        ],
        right=["revision", "probe effect"],
    )


@deployments.command()
@click.argument("deployment")
@click.option("--model", required=True, help="New model: the id or display name of a tuned model, or baseModels/NAME.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the deployment serves.")
@json_option
@with_client
def update(client: Client, deployment: str, model: str, wait: bool, as_json: bool) -> None:
    """Serve another model under the same name.

    The new model serves once it has passed its probe; until then, the old one does.
    """
    _print(client, client.update_deployment(deployment, model=model, wait=wait), as_json)


@deployments.command()
@click.argument("deployment")
@click.option("--revision", type=click.IntRange(min=1), help="Revision to serve.  [default: the previous ready one]")
@json_option
@with_client
def rollback(client: Client, deployment: str, revision: int | None, as_json: bool) -> None:
    """Roll a deployment back to an earlier revision."""
    _print(client, client.rollback_deployment(deployment, revision or 0), as_json)


@deployments.command()
@click.argument("deployment")
@with_client
def delete(client: Client, deployment: str) -> None:
    """Delete a deployment. Running requests are completed."""
    client.delete_deployment(deployment)


def _state(deployment: Deployment) -> Text:
    from rich.text import Text

    styles = {"ready": "green", "failed": "bold red"}
    return Text(deployment.state.value, style=styles.get(deployment.state.value, "yellow"))


def _print(client: Client, deployment: Deployment, as_json: bool) -> None:
    from foreword.cli.render import out_console, print_json, short_name

    if as_json:
        print_json(deployment)
        return
    console = out_console()
    served = f", revision {deployment.serving_revision}" if deployment.serving_revision else ""
    console.print(f"{deployment.serving_name} is {deployment.state.value}: {short_name(deployment.model)}{served}.")
    if deployment.serving_revision:
        command = "classify" if _classifies(client, deployment) else "generate"
        console.print(f'Next: foreword {command} {deployment.serving_name} "{_TEXT}"')


def _classifies(client: Client, deployment: Deployment) -> bool:
    """Return whether the model of a deployment chooses among labels."""
    if deployment.model.startswith("baseModels/"):
        return False
    try:
        task = client.get_tuned_model(deployment.model).task
    except ForewordError:  # the key may not be allowed to read it
        return False
    return any(item.closed for item in client.list_tasks() if item.id == task)
