"""`foreword prompts`: management of saved prompts."""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING, Any

import click

from foreword.cli.generation_options import generation_options
from foreword.cli.prompt_reference import PROMPT_REFERENCE, PromptReference
from foreword.cli.session import json_option, limit_option, selection_options, view_option, with_client

if TYPE_CHECKING:
    from foreword.client import Client, SavedPrompt, SavedPromptVersion
    from foreword.client.keywords import GenerateKeywords


@click.group()
def prompts() -> None:
    """Manage saved prompts, which the keys of a tenant share.

    Use one with `foreword generate --prompt PROMPT`, and try it in `foreword lab` with /load.
    """


@prompts.command("list")
@selection_options("latest_version > 1")
@limit_option
@view_option
@json_option
@with_client
def list_(client: Client, filter: str, order_by: str, limit: int, view: str, as_json: bool) -> None:
    """List saved prompts with their newest versions."""
    from foreword.cli.render import print_listing, short_name
    from foreword.cli.render.listing import age
    from foreword.domain.resource_view import ResourceView

    print_listing(
        client.list_saved_prompts(filter=filter, order_by=order_by, view=ResourceView(view), limit=limit),
        {
            "prompt": lambda item: short_name(item.name),
            "name": lambda item: item.display_name,
            "version": lambda item: str(item.latest_version),
            "model": lambda item: item.version.model,
            "note": lambda item: item.version.note,
            "changed": lambda item: age(item.update_time),
        },
        as_json=as_json,
        right=["version"],
    )


@prompts.command()
@click.argument("prompt", type=PROMPT_REFERENCE)
@json_option
@with_client
def show(client: Client, prompt: PromptReference, as_json: bool) -> None:
    """Show a saved prompt: its newest version, or that of PROMPT@VERSION."""
    _print(client.get_saved_prompt(prompt.name, prompt.version), as_json)


@prompts.command()
@click.argument("name")
@click.argument("text", default="")
@click.option("--instruction", default="", help="Instruction in front of examples and input.")
@click.option(
    "--example", nargs=2, multiple=True, metavar="INPUT OUTPUT", help="Example in the prompt; may be repeated."
)
@click.option(
    "--variable",
    nargs=2,
    multiple=True,
    metavar="NAME DEFAULT",
    help="Variable that the prompt contains as {{NAME}}, and the value that it has by default; may be repeated.",
)
@click.option("--required-variable", multiple=True, metavar="NAME", help="Variable without a default; may be repeated.")
@click.option("--model", default="", help="Model that the prompt was written for.")
@click.option("--note", default="", help="What this version is for or changes.")
@generation_options
@json_option
@with_client
def save(
    client: Client,
    name: str,
    text: str,
    instruction: str,
    example: tuple[tuple[str, str], ...],
    variable: tuple[tuple[str, str], ...],
    required_variable: tuple[str, ...],
    model: str,
    note: str,
    parameters: GenerateKeywords,
    as_json: bool,
) -> None:
    """Save a prompt under NAME, as a new version if there is a saved prompt of this name.

    With --instruction or --example, the prompt has parts, and TEXT is its input, which is used where a call gives none.
    Otherwise TEXT is the prompt; a variable called `input` takes the text of a call. Options for generation, such as
    --max-new-tokens, are saved with it.
    """
    from foreword.client import PromptExample, PromptVariable, StructuredPrompt

    if not (text or instruction or example):
        raise click.UsageError("Pass TEXT, --instruction or --example.")
    examples = tuple(PromptExample(input=given, output=expected) for given, expected in example)
    parts = StructuredPrompt(instruction=instruction, examples=examples, input=text)
    declared = [PromptVariable(name=item, default_value=value) for item, value in variable]
    saved = client.save_prompt(
        name,
        parts if instruction or example else text,
        variables=[*declared, *(PromptVariable(name=item) for item in required_variable)],
        parameters=parameters,
        model=model,
        note=note,
    )
    _print_saved(saved, as_json)


@prompts.command()
@click.argument("prompt")
@click.option("--name", "display_name", help="New display name.")
@click.option("--description", help="New description.")
@json_option
@with_client
def update(client: Client, prompt: str, display_name: str | None, description: str | None, as_json: bool) -> None:
    """Change the display name or the description of a saved prompt. Its versions stay as they are."""
    _print(client.update_saved_prompt(prompt, display_name=display_name, description=description), as_json)


@prompts.command()
@click.argument("prompt")
@limit_option
@view_option
@json_option
@with_client
def versions(client: Client, prompt: str, limit: int, view: str, as_json: bool) -> None:
    """List the versions of a saved prompt, newest first."""
    from foreword.cli.render import print_listing
    from foreword.cli.render.listing import age
    from foreword.domain.resource_view import ResourceView

    print_listing(
        client.list_saved_prompt_versions(prompt, view=ResourceView(view), limit=limit),
        {
            "version": lambda item: str(item.number),
            "saved": lambda item: age(item.create_time),
            "by": lambda item: item.creator,
            "model": lambda item: item.model,
            "note": lambda item: item.note,
        },
        as_json=as_json,
        right=["version"],
    )


@prompts.command()
@click.argument("first", type=PROMPT_REFERENCE)
@click.argument("second", type=PROMPT_REFERENCE, required=False)
@with_client
def diff(client: Client, first: PromptReference, second: PromptReference | None) -> int:
    """Show what differs from FIRST to SECOND, both PROMPT or PROMPT@VERSION, as a unified diff.

    Without SECOND, compare the version FIRST with the newest version of the same prompt; without a version, compare the
    last two. The exit status is 1 if there are differences, otherwise 0.
    """
    newer = client.get_saved_prompt((second or first).name, second.version if second else 0)
    before = first.version
    if second is None and not before:
        before = newer.version.number - 1
        if before < 1:
            raise click.UsageError(f"{first.name} has only one version. Name another prompt to compare it with.")
    older = client.get_saved_prompt(first.name, before)
    lines = list(
        unified_diff(_lines(older.version), _lines(newer.version), _title(older), _title(newer), lineterm="", n=2)
    )
    for line in lines:
        colour = {"+": "green", "-": "red"}.get(line[:1])
        click.secho(line, fg=colour)
    return int(bool(lines))


@prompts.command()
@click.argument("prompt")
@with_client
def delete(client: Client, prompt: str) -> None:
    """Delete a saved prompt with all its versions, by id or display name."""
    client.delete_saved_prompt(prompt)


def _print_saved(saved: SavedPrompt, as_json: bool) -> None:
    from foreword.cli.render import print_json, short_name

    if as_json:
        print_json(saved)
    else:
        click.echo(f"{short_name(saved.name)}@{saved.version.number}")


def _print(saved: SavedPrompt, as_json: bool) -> None:
    from foreword.cli.render import out_console, print_facts, print_json, short_name
    from foreword.cli.render.listing import age

    if as_json:
        print_json(saved)
        return
    version = saved.version
    of = "" if version.number == saved.latest_version else f" of {saved.latest_version}"
    facts: list[tuple[str, Any]] = [
        ("prompt", short_name(saved.name)),
        ("name", saved.display_name),
        ("description", saved.description),
        ("tags", ", ".join(saved.tags)),
        ("version", f"{version.number}{of}, saved {age(version.create_time)}"),
        ("note", version.note),
        *version.parts().items(),
    ]
    print_facts(out_console(), facts)


def _title(saved: SavedPrompt) -> str:
    from foreword.cli.render import short_name

    return f"{short_name(saved.name)}@{saved.version.number}"


def _lines(version: SavedPromptVersion) -> list[str]:
    """Return a version as lines, with the name of each part above it."""
    return [line for name, text in version.parts().items() for line in (f"{name}:", *text.split("\n"))]
