"""The commands `foreword slack ...`. Each command imports its dependencies when it is called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foreword.redaction import redact

if TYPE_CHECKING:
    from foreword_slack.config import BotConfig
    from foreword_slack.secrets import Secrets
    from foreword_slack.store import Store


@click.group()
def slack() -> None:
    """Route complaints in Slack to the right departments.

    The configuration is a YAML file; tokens and keys are environment variables. deploy/slack contains an example, an
    app manifest, and instructions from an empty workspace to the first routed complaint.
    """


def _config_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--config",
        "path",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="FOREWORD_SLACK_CONFIG",
        default=Path("foreword-slack.yaml"),
        show_default=True,
        show_envvar=True,
        help="The configuration file.",
    )(function)


@slack.command()
@_config_option
def check(path: Path) -> None:
    """Check tokens, scopes, channels, the deployment and its labels.

    Posts nothing and opens no port. Exits with 1 if the bot cannot work.
    """
    from foreword_slack.console import check_all

    config, secrets = _read(path)
    faults = _run(check_all(config, secrets))
    for fault in faults:
        click.echo(redact(f"{'Error' if fault.serious else 'Warning'}: {fault}"))
    serious = sum(fault.serious for fault in faults)
    if serious:
        raise click.ClickException(f"the bot cannot work: {serious} of {len(faults)} findings are serious.")
    click.echo(f"Ready: {len(config.teams)} workspaces, {len(faults)} warnings.")


@slack.command()
@_config_option
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", help="Minimum log level."
)
@click.option("--skip-check", is_flag=True, help="Start without asking Slack about scopes and channels.")
def run(path: Path, log_level: str, skip_check: bool) -> None:
    """Run the bot until SIGTERM or Ctrl-C, then finish the work in progress."""
    from foreword.observability import logging
    from foreword_slack.console import run_bot

    config, secrets = _read(path)
    logging.configure(log_level)
    _run(run_bot(config, secrets, checked=not skip_check, report=lambda line: click.echo(redact(line))))


@slack.command()
@_config_option
def status(path: Path) -> None:
    """Show today's counts, and the waiting and failed work."""
    from foreword_slack.console import status_lines

    _with_store(path, lambda store, config: status_lines(store, config))


@slack.command()
@_config_option
@click.argument("complaint")
@click.option("--team", help="Slack's id of the workspace, if there are several.")
def lookup(path: Path, complaint: str, team: str | None) -> None:
    """Show the history of COMPLAINT, given as a link to its message or as CHANNEL:TIMESTAMP."""
    from foreword_slack.console import lookup_lines

    _with_store(path, lambda store, config: lookup_lines(store, config, complaint, team))


@slack.command()
@_config_option
@click.option("--team", help="Only this workspace, by Slack's id.")
def retry(path: Path, team: str | None) -> None:
    """Retry the events and posts that were given up."""
    from foreword_slack.console import retry_lines

    _with_store(path, lambda store, _: retry_lines(store, team))


def _read(path: Path) -> tuple[BotConfig, Secrets]:
    import os

    from foreword_slack.config import load_config
    from foreword_slack.secrets import read_secrets

    config = load_config(path)
    return config, read_secrets(config, os.environ)


def _with_store(path: Path, work: Callable[[Store, BotConfig], Coroutine[Any, Any, list[str]]]) -> None:
    """Print the lines that `work` returns for the store. Needs no tokens, only the store's location."""
    import os

    from foreword_slack.config import load_config
    from foreword_slack.secrets import DATABASE_URL
    from foreword_slack.store import Store

    config = load_config(path)

    async def collect() -> list[str]:
        store = await Store.open(os.environ.get(DATABASE_URL, "").strip() or config.store.place)
        try:
            return await work(store, config)
        finally:
            await store.close()

    for line in _run(collect()):
        click.echo(line)


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)
