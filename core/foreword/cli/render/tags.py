"""Rendering of tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def tags_text(tags: Mapping[str, str]) -> str:
    """Return tags as `--tag` takes them, separated by commas."""
    return ", ".join(f"{key}={value}" for key, value in tags.items())


def tags_column(found: Sequence[Any]) -> dict[str, Callable[[Any], str]]:
    """Return the column of a list that shows tags; empty if no item has any."""
    return {"tags": lambda item: tags_text(item.tags)} if any(item.tags for item in found) else {}
