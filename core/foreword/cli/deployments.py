"""`foreword deploy` and `foreword deployments`: models under serving names."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from foreword.cli.captures import captured_text, captures, captures_text
from foreword.cli.deploy_gate import described_verdict, gate_options, through_gate
from foreword.cli.drift import drift
from foreword.cli.rollout_options import rollout_options
from foreword.cli.session import json_option, selection_options, view_option, with_client
from foreword.cli.spaces import print_warnings
from foreword.domain.resource_view import ResourceView
from foreword.errors import FailedPreconditionError, ForewordError

_TEXT = "Where are the 2 extra sets of sheets?"

if TYPE_CHECKING:
    from rich.text import Text

    from foreword.client import Canary, Client, Deployment, DeploymentRevision, Shadow


@click.command(short_help="Deploy a model under a serving name.")
@click.argument("model")
@click.option("--name", "serving_name", required=True, help="Serving name, which requests use.")
@click.option("--space", help="Id or display name of the space.  [default: default, or with a trial its own]")
@rollout_options
@gate_options
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the deployment serves.")
@json_option
@with_client
def deploy(
    client: Client,
    model: str,
    serving_name: str,
    space: str | None,
    rollout: Canary | Shadow | None,
    evaluate: bool,
    force_reason: str,
    dry_run: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Deploy MODEL under a serving name.

    MODEL is the id, resource name or display name of a tuned model, or baseModels/NAME. It serves once it has passed
    its probe. In a space with a policy, an evaluation must have shown that it is good enough. With --canary or
    --shadow, the serving name must exist, and MODEL gets traffic beside the model that serves.
    """
    if rollout is not None and space is not None:
        _check_space(client, serving_name, space)

    def send(**options: Any) -> Deployment:
        if rollout is not None:
            return client.update_deployment(serving_name, model=model, rollout=rollout, wait=wait, **options)
        placed = space or "default"
        return client.create_deployment(model, serving_name=serving_name, space=placed, wait=wait, **options)

    found = through_gate(client, send, evaluate=evaluate, force_reason=force_reason, dry_run=dry_run)
    _print(client, found, as_json, dry_run=dry_run)
    with suppress(ForewordError):  # the key may not be allowed to read the space
        print_warnings(client.get_space(found.name.split("/")[3]))


@click.group()
def deployments() -> None:
    """Manage deployments.

    DEPLOYMENT is the serving name, id, resource name or display name of a deployment.
    """


deployments.add_command(captures)
deployments.add_command(drift)


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
            "revision": _revisions,
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
    from foreword.cli.render.rollout import figures_text

    found = client.get_deployment(deployment)
    if as_json:
        print_json(found)
        return
    console = out_console()
    print_facts(
        console,
        [
            ("serving name", found.serving_name),
            ("name", found.name),
            ("state", _state(found)),
            ("captures", captures_text(found.capture) if found.capture.share else ""),
            ("captured", captured_text(found)),
        ],
    )
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
                _note(found, item),
            )
            for item in found.revisions
        ],
        right=["revision", "probe effect"],
    )
    verdicts = [(f"revision {item.revision}", item.verdict) for item in found.revisions if item.verdict is not None]
    if verdicts:
        console.print()
        print_facts(console, [(revision, described_verdict(verdict)) for revision, verdict in verdicts])
    candidate = found.candidate
    if candidate is not None and candidate.rollout is not None:
        console.print()
        console.print(f"Revision {candidate.revision}: {figures_text(candidate.rollout)}")


@deployments.command()
@click.argument("deployment")
@click.option("--model", required=True, help="New model: the id or display name of a tuned model, or baseModels/NAME.")
@rollout_options
@gate_options
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the deployment serves.")
@json_option
@with_client
def update(
    client: Client,
    deployment: str,
    model: str,
    rollout: Canary | Shadow | None,
    evaluate: bool,
    force_reason: str,
    dry_run: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Serve another model under the same name.

    The new model serves once it has passed its probe; until then, the old one does. In a space with a policy, an
    evaluation must have shown that it is good enough. With --canary or --shadow, it gets a share of the requests
    first. Another update ends that.
    """

    def send(**options: Any) -> Deployment:
        return client.update_deployment(deployment, model=model, rollout=rollout, wait=wait, **options)

    found = through_gate(client, send, evaluate=evaluate, force_reason=force_reason, dry_run=dry_run)
    _print(client, found, as_json, dry_run=dry_run)


@deployments.command()
@click.argument("deployment")
@with_client
def watch(client: Client, deployment: str) -> None:
    """Follow a canary or a shadow until it has ended, or tell how the last one ended.

    Exits with status 1 if the new revision was not promoted.
    """
    from foreword.cli.render.rollout import figures_text, outcome_text
    from foreword.client import RolloutState

    watched = 0
    for found in client.watch_rollout(deployment):
        candidate = found.candidate
        if candidate is not None and candidate.rollout is not None:
            watched = candidate.revision
            click.echo(f"Revision {watched}: {figures_text(candidate.rollout)}")
    tried = [item for item in found.revisions if item.rollout is not None]
    ended = next((item for item in tried if item.revision == watched), tried[0] if tried else None)
    if ended is None or ended.rollout is None:
        raise FailedPreconditionError(f"{found.serving_name} has had no canary or shadow.", reason="NO_ROLLOUT")
    click.echo(outcome_text(found, ended))
    if ended.rollout.state is not RolloutState.PROMOTED:
        raise click.exceptions.Exit(1)


@deployments.command()
@click.argument("deployment")
@click.option("--revision", type=click.IntRange(min=1), help="Revision that must be the one on trial.")
@json_option
@with_client
def promote(client: Client, deployment: str, revision: int | None, as_json: bool) -> None:
    """Serve the revision of a canary or a shadow at once."""
    _print(client, client.promote_deployment(deployment, revision or 0), as_json)


@deployments.command()
@click.argument("deployment")
@click.option("--revision", type=click.IntRange(min=1), help="Revision to serve.  [default: the previous ready one]")
@json_option
@with_client
def rollback(client: Client, deployment: str, revision: int | None, as_json: bool) -> None:
    """Roll a deployment back to an earlier revision at once.

    While a canary or a shadow is on trial, only that ends, unless --revision names another revision.
    """
    _print(client, client.rollback_deployment(deployment, revision or 0), as_json)


@deployments.command()
@click.argument("deployment")
@with_client
def delete(client: Client, deployment: str) -> None:
    """Delete a deployment. Running requests are completed."""
    client.delete_deployment(deployment)


def _check_space(client: Client, serving_name: str, space: str) -> None:
    """Raise an error if a deployment is in another space than the given one."""
    from foreword.cli.render import short_name

    own = client.get_deployment(serving_name).name.split("/deployments/")[0]
    if client.get_space(space).name != own:
        raise click.UsageError(
            f"{serving_name} is in the space {short_name(own)}, and --canary and --shadow try a model where it is. "
            "Leave --space out."
        )


def _revisions(deployment: Deployment) -> str:
    """Return the revision that serves, and the one that is tried beside it."""
    served = str(deployment.serving_revision or "")
    return f"{served} (trying {deployment.candidate_revision})" if deployment.candidate_revision else served


def _state(deployment: Deployment) -> Text:
    from rich.text import Text

    styles = {"ready": "green", "failed": "bold red"}
    return Text(deployment.state.value, style=styles.get(deployment.state.value, "yellow"))


def _note(deployment: Deployment, revision: DeploymentRevision) -> str:
    """Return what there is to say about a revision in the list of all."""
    from foreword.cli.render.rollout import rollout_text

    notes = ["serving"] if revision.revision == deployment.serving_revision else []
    if revision.failure is not None:
        notes.append(revision.failure.message)
    if revision.rollout is not None:
        notes.append(rollout_text(revision.rollout))
    return "; ".join(notes)


def _print(client: Client, deployment: Deployment, as_json: bool, *, dry_run: bool = False) -> None:
    from foreword.cli.render import out_console, print_json, short_name
    from foreword.cli.render.rollout import ended_with, outcome_text

    if as_json:
        print_json(deployment)
        return
    console = out_console()
    verdict = deployment.revisions[0].verdict if deployment.revisions else None
    if not deployment.model:  # all that a key is told about a deployment that it cannot read
        done = "could be changed" if dry_run else f"is {deployment.state.value}"
        console.print(f"{short_name(deployment.name)} {done}. The key cannot read more of it.")
        return
    if dry_run:
        policy = "No policy applies." if verdict is None else f"{described_verdict(verdict)}."
        console.print(f"{short_name(deployment.model)} can be deployed as {deployment.serving_name}. {policy}")
        return
    served = f", revision {deployment.serving_revision}" if deployment.serving_revision else ""
    console.print(f"{deployment.serving_name} is {deployment.state.value}: {short_name(deployment.model)}{served}.")
    ended = ended_with(deployment)
    if ended is not None:
        console.print(outcome_text(deployment, ended))
    if deployment.candidate_revision:
        console.print(f"Revision {deployment.candidate_revision} is on trial.")
        console.print(f"Next: foreword deployments watch {deployment.serving_name}")
    elif deployment.serving_revision:
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
