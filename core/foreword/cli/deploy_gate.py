"""The options of commands that deploy models into spaces with a policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from foreword.domain.job import JobState
from foreword.errors import FailedPreconditionError

if TYPE_CHECKING:
    from foreword.client import Client, Deployment, DeployVerdict

_NOT_EVALUATED = "POLICY_NOT_EVALUATED"

_OPTIONS = (
    click.option(
        "--evaluate",
        is_flag=True,
        help="If the policy of the space needs an evaluation that does not exist, run it and wait for it first.",
    ),
    click.option(
        "--force-reason",
        default="",
        metavar="TEXT",
        help="Deploy although the policy is not met, and store this reason. Needs a key with the scope admin.",
    ),
    click.option("--dry-run", is_flag=True, help="Show whether the model can be deployed, and do not deploy it."),
)


def gate_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options `--evaluate`, `--force-reason` and `--dry-run`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def through_gate(
    client: Client, send: Callable[..., Deployment], *, evaluate: bool, force_reason: str, dry_run: bool
) -> Deployment:
    """Deploy a model; if asked, run the evaluation that the policy needs before, and show its progress and its results.

    Args:
        send: Calls `create_deployment` or `update_deployment` with the options that it is given.
    """
    found = _sent(client, send, evaluate=evaluate, force_reason=force_reason, dry_run=dry_run)
    _note_unused_reason(found, force_reason)
    return found


def _sent(
    client: Client, send: Callable[..., Deployment], *, evaluate: bool, force_reason: str, dry_run: bool
) -> Deployment:
    from foreword.cli.evaluate import follow
    from foreword.cli.render import err_console, print_findings
    from foreword.cli.render.evaluations import print_evaluation, print_systems

    options = {"force_reason": force_reason, "validate_only": dry_run}
    try:
        return send(**options)
    except FailedPreconditionError as refusal:
        if not evaluate or refusal.reason != _NOT_EVALUATED:
            raise
        metric = refusal.metadata["metric"]
        made = client.create_policy_evaluation(refusal)
    print_systems(err_console(), made)
    print_findings(err_console(), made.warnings)
    ended = follow(client, made)
    print_evaluation(err_console(), ended, metric=metric)
    if ended.state is not JobState.SUCCEEDED:
        raise click.exceptions.Exit(1)
    return send(**options)


def _note_unused_reason(deployment: Deployment, force_reason: str) -> None:
    """Say that the reason for a forced deployment was not stored, if nothing had to be forced."""
    verdict = deployment.revisions[0].verdict if deployment.revisions else None
    if force_reason and (verdict is None or not verdict.force_reason):
        why = "no policy was to be met" if verdict is None else "the policy is met"
        click.echo(f"Note: --force-reason was not needed and is not stored: {why}.", err=True)


def described_verdict(verdict: DeployVerdict) -> str:
    """Return the verdict of a policy in words: `passed: micro_f1 is 0.720, ...`."""
    text = f"{verdict.outcome.value}: {verdict.explanation.rstrip('.')}"
    if verdict.force_reason:
        by = f" by {verdict.forced_by}" if verdict.forced_by else ""
        text += f'. Forced{by}: "{verdict.force_reason}"'
    return text
