"""The command and its loop, which reads lines from a terminal, with editing and history, or from a file."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from foreword.cli.session import with_client
from foreword.errors import ForewordError, NotFoundError, PermissionDeniedError

if TYPE_CHECKING:
    from foreword.client import Client


@click.command(short_help="Try prompts interactively, tuned against base model.")
@click.argument("model")
@click.option("--against", help="Model to compare with, or none.  [default: the tuned model's base model]")
@with_client
def lab(client: Client, model: str, against: str | None) -> int:
    """Try prompts interactively, tuned against base model.

    MODEL is a serving name, the id or display name of a tuned model, or baseModels/NAME. Every text that you type
    is answered by MODEL and by its base model, side by side; /help lists the commands. Lines can also be piped to
    standard input; the command then exits with status 1 if a line failed.
    """
    from foreword.cli.lab.session import LabSession
    from foreword.cli.lab.state import LabState
    from foreword.cli.render import err_console, out_console

    found = _found(client, model)
    compared = against or (found.base_model if found.tuned else "")
    state = LabState(model=found.name, against="" if compared == "none" else compared)
    context = client.get_base_model(found.base_model).context_tokens if found.base_model else None
    session, errors = LabSession(client, out_console(), state, context), err_console()
    interactive = sys.stdin.isatty()
    if interactive:
        errors.print("Type a prompt to send it, or /help for the commands.")
    failed = False
    for line in _lines(interactive):
        try:
            session.take(line)
        except ForewordError as error:
            failed = True
            errors.print(f"Error: {error.message}", style="red")
        if session.ended:
            break
    return int(failed and not interactive)


def _lines(interactive: bool) -> Iterator[str]:
    """Yield lines as they are typed, until the input ends."""
    if not interactive:
        yield from sys.stdin
        return
    with suppress(ImportError):  # not available on every system
        importlib.import_module("readline")  # gives `input` editing and history
    while True:
        try:
            yield input("> ")
        except EOFError:
            click.echo()
            return


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The model that MODEL refers to.

    Attributes:
        name: Name of the model in requests.
        base_model: Its base model, or itself if it is one; empty if the key must not look it up.
    """

    name: str
    base_model: str = ""
    tuned: bool = False


def _found(client: Client, text: str) -> _Found:
    """Find a deployment, a base model or a tuned model.

    Raises:
        NotFoundError: No model has that name.
    """
    try:
        served = {item.serving_name: item.model for item in client.list_deployments()}
        if text in served or "/deployments/" in text:
            model = served[text] if text in served else client.get_deployment(text).model
            if model.startswith("baseModels/"):
                return _Found(name=text, base_model=model)
            return _Found(name=text, base_model=client.get_tuned_model(model).base_model, tuned=True)
        with suppress(NotFoundError):
            return _Found(name=text, base_model=client.get_base_model(text).name)
        tuned = client.get_tuned_model(text)
        return _Found(name=tuned.name, base_model=tuned.base_model, tuned=True)
    except PermissionDeniedError:
        return _Found(name=text)
