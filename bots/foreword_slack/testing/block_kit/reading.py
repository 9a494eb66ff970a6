"""Reading of blocks: their texts, their interactive elements and the mentions that notify."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_NOTIFYING = re.compile(r"<(![a-z]+(?:\^[^>]*)?|@[UW][A-Z0-9]+)[^>]*>")


def notifications(text: str, blocks: list[dict[str, Any]]) -> list[str]:
    """Return the mentions in a message that notify people: `@U1`, `!channel`, `!here`."""
    return [found for part in (text, *_formatted(blocks)) for found in _NOTIFYING.findall(part)]


def find_element(blocks: list[dict[str, Any]], action_id: str, value: str | None = None) -> tuple[str, dict[str, Any]]:
    """Return an interactive element and the id of its block.

    Raises:
        LookupError: No element has this action id and value.
    """
    seen = []
    for block in blocks:
        for element in block_elements(block):
            seen.append(element.get("action_id"))
            if element.get("action_id") == action_id and value in (None, element.get("value")):
                return block.get("block_id", ""), element
    raise LookupError(f"No element has the action id {action_id!r}. Use one of {[item for item in seen if item]}.")


def block_elements(block: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the interactive elements of a block."""
    found = list(block.get("elements", ())) if block.get("type") == "actions" else []
    return found + [block[key] for key in ("accessory", "element") if isinstance(block.get(key), dict)]


def block_texts(blocks: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the texts that blocks show, without buttons and menus."""
    for block in blocks:
        parts = [block.get("text"), block.get("label"), *block.get("fields", ())]
        if block.get("type") == "context":
            parts += block.get("elements", ())
        for part in parts:
            text = part.get("text") if isinstance(part, dict) else part
            if isinstance(text, str):
                yield text
        if block.get("type") == "image":
            yield f"[image: {block.get('alt_text', '')}]"


def _formatted(value: Any) -> Iterator[str]:
    """Yield the texts that Slack formats; only these can contain mentions."""
    if isinstance(value, dict):
        if value.get("type") == "mrkdwn":
            yield str(value.get("text", ""))
        for item in value.values():
            yield from _formatted(item)
    elif isinstance(value, list):
        for item in value:
            yield from _formatted(item)
