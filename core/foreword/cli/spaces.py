"""`foreword spaces`: management of spaces, the groups of deployments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from foreword.cli.session import json_option, selection_options, with_client
from foreword.cli.uploads import policy_rows
from foreword.domain.deployment import Stage

if TYPE_CHECKING:
    from foreword.client import Client, Dataset, DeployPolicy, Space


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

    found = client.list_spaces(filter=filter, order_by=order_by)
    print_listing(
        found,
        {
            "space": lambda item: short_name(item.name),
            "name": lambda item: item.display_name,
            "stage": lambda item: item.stage.value,
            "policy": lambda item: item.policy.metric if item.policy else "",
            "created": lambda item: age(item.create_time),
        },
        as_json=as_json,
    )
    for space in found:
        print_warnings(space)


_STAGE_CHOICE = click.Choice([stage.value for stage in Stage])
_POLICY_OPTIONS = (
    click.option("--policy-metric", metavar="METRIC", help="Metric of the policy, such as micro_f1."),
    click.option(
        "--policy-dataset",
        metavar="FILE_OR_DATASET",
        help="Rows of the policy, on which models are evaluated: a file, or the id or display name of a dataset.",
    ),
    click.option(
        "--policy-margin",
        type=float,
        help="How much better than the served model a new one has to be, at the lower end of the interval; negative: "
        "how much worse it may be.  [default: 0]",
    ),
    click.option(
        "--policy-min-rows",
        type=click.IntRange(min=1),
        help="Minimum number of evaluated rows.  [default: 30, or all rows of a smaller dataset]",
    ),
)


def policy_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a policy."""
    for option in reversed(_POLICY_OPTIONS):
        command = option(command)
    return command


@spaces.command()
@click.argument("space")
@click.option("--name", "display_name", default="", help="Display name.")
@click.option("--description", default="", help="Description.")
@click.option(
    "--stage",
    type=_STAGE_CHOICE,
    default=Stage.DEVELOPMENT.value,
    show_default=True,
    help="Stage of its deployments. A production space needs a policy.",
)
@policy_options
@json_option
@with_client
def create(
    client: Client,
    space: str,
    display_name: str,
    description: str,
    stage: str,
    policy_metric: str | None,
    policy_dataset: str | None,
    policy_margin: float | None,
    policy_min_rows: int | None,
    as_json: bool,
) -> None:
    """Create a space for `foreword deploy --space SPACE`.

    A space with a policy accepts only models that an evaluation on the rows of the policy has shown to be good enough:
    they are compared with the model that serves, or in a new deployment with their base model.
    """
    from foreword.cli.render import print_json

    if stage == Stage.PRODUCTION.value and not (policy_metric and policy_dataset):
        raise click.UsageError("--stage production needs --policy-metric and --policy-dataset.")
    with policy_rows(client, policy_dataset) as rows:
        made = client.create_space(
            space,
            display_name=display_name,
            description=description,
            stage=Stage(stage),
            policy=_policy(None, policy_metric, rows, policy_margin, policy_min_rows),
        )
    if as_json:
        print_json(made)
    else:
        click.echo(made.name)


@spaces.command()
@click.argument("space")
@json_option
@with_client
def show(client: Client, space: str, as_json: bool) -> None:
    """Show a space and its policy."""
    _print(client.get_space(space), as_json)


@spaces.command()
@click.argument("space")
@click.option("--name", "display_name", help="New display name.")
@click.option("--description", help="New description.")
@click.option("--stage", type=_STAGE_CHOICE, help="New stage. A production space needs a policy.")
@policy_options
@click.option("--remove-policy", is_flag=True, help="Remove the policy. Only in a development space.")
@json_option
@with_client
def update(
    client: Client,
    space: str,
    display_name: str | None,
    description: str | None,
    stage: str | None,
    policy_metric: str | None,
    policy_dataset: str | None,
    policy_margin: float | None,
    policy_min_rows: int | None,
    remove_policy: bool,
    as_json: bool,
) -> None:
    """Change a space.

    What is not given stays, also in the policy. Only a key with the scope admin can change a policy that is set.
    """
    found = client.get_space(space)
    with policy_rows(client, policy_dataset) as rows:
        policy = _policy(found.policy, policy_metric, rows, policy_margin, policy_min_rows)
        if remove_policy and policy is not None:
            raise click.UsageError("--remove-policy and the other options of the policy exclude each other.")
        updated = client.update_space(
            found,
            display_name=display_name,
            description=description,
            stage=None if stage is None else Stage(stage),
            policy=policy,
            remove_policy=remove_policy,
            etag=found.etag,
        )
    _print(updated, as_json)


@spaces.command()
@click.argument("space")
@with_client
def delete(client: Client, space: str) -> None:
    """Delete an empty space, by id or display name."""
    client.delete_space(space)


def print_warnings(space: Space) -> None:
    """Print the warnings of a space to standard error."""
    from foreword.cli.render import err_console, short_name

    for item in space.warnings:
        remedy = item.remedy.replace(" SPACE ", f" {short_name(space.name)} ")
        err_console().print(f"Warning: {item.message} {remedy}")


def _policy(
    known: DeployPolicy | None,
    metric: str | None,
    dataset: Dataset | None,
    margin: float | None,
    min_rows: int | None,
) -> DeployPolicy | None:
    """Return the policy that the options describe; None if none is given.

    Args:
        known: The present policy, from which the options that are not given are taken.

    Raises:
        UsageError: The metric or the dataset is missing.
    """
    from foreword.client import DeployPolicy

    if metric is None and dataset is None and margin is None and min_rows is None:
        return None
    if known is not None:
        return replace(
            known,
            metric=metric or known.metric,
            dataset=dataset or known.dataset,
            margin=known.margin if margin is None else margin,
            # The minimum of another dataset may be more than its rows.
            min_row_count=min_rows or (known.min_row_count if dataset is None else 0),
        )
    if metric is None or dataset is None:
        raise click.UsageError("A policy needs --policy-metric and --policy-dataset.")
    return DeployPolicy(metric=metric, dataset=dataset, margin=margin or 0.0, min_row_count=min_rows or 0)


def _print(space: Space, as_json: bool) -> None:
    from foreword.cli.render import out_console, print_facts, print_json, short_name

    if as_json:
        print_json(space)
        return
    policy = space.policy
    print_facts(
        out_console(),
        [
            ("space", short_name(space.name)),
            ("name", space.display_name),
            ("stage", space.stage.value),
            ("description", space.description),
            ("policy", "none" if policy is None else _in_words(policy)),
        ],
    )
    print_warnings(space)


def _in_words(policy: DeployPolicy) -> str:
    from foreword.cli.render import short_name

    return (
        f"{policy.metric} at least {policy.margin:+g} against what serves, on {policy.min_row_count:,} or more rows of "
        f"{short_name(str(policy.dataset))}"
    )
