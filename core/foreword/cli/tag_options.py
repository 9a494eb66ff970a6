"""`--tag KEY=VALUE` and `--remove-tag KEY`: the tags of experiments and tuned models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click


def tag_option(help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the repeatable option `--tag KEY=VALUE` to a command, passed as `tags`, a mapping."""
    return click.option("--tag", "tags", metavar="KEY=VALUE", multiple=True, callback=_read_tags, help=help)


def tag_change_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--tag` and `--remove-tag` to a command that changes tags, passed as `tags` and `removed_tags`."""
    removed = click.option(
        "--remove-tag", "removed_tags", metavar="KEY", multiple=True, help="Remove this tag; may be repeated."
    )
    return tag_option("Set this tag; may be repeated. Other tags stay.")(removed(function))


def tag_changes(tags: dict[str, str], removed_tags: Sequence[str]) -> dict[str, str | None]:
    """Return the change of tags that options describe, as the client takes it.

    Raises:
        UsageError: A tag is set and removed.
    """
    both = sorted(tags.keys() & set(removed_tags))
    if both:
        raise click.UsageError(f"--tag and --remove-tag both name {both[0]!r}.")
    return {**tags, **dict.fromkeys(removed_tags)}


def _read_tags(_context: click.Context, _parameter: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} has no value; write KEY=VALUE, such as team=billing.")
        if key in tags:
            raise click.BadParameter(f"{key!r} is set twice; set it once.")
        tags[key] = value
    return tags
