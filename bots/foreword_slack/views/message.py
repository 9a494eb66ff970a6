"""Blocks and their limits (https://api.slack.com/reference/block-kit/blocks)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from foreword_slack.markup import cut

Block = dict[str, Any]

SECTION_CHARACTERS = 3000
OPTION_CHARACTERS = 75
_PREVIEW_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message: `text` is what notifications and screen readers get, `blocks` what everybody else sees."""

    text: str
    blocks: tuple[Block, ...] = ()

    def payload(self) -> dict[str, Any]:
        """Arguments of `chat.postMessage` and `chat.update` that say what is shown."""
        return {"text": self.text, "blocks": list(self.blocks)}


def literal(text: str, *, block_id: str = "") -> Block:
    """What somebody else wrote, shown as it is: plain text, in which nothing is formatted or linked."""
    shown = cut(text, SECTION_CHARACTERS) or "(empty)"
    return _with_id({"type": "section", "text": {"type": "plain_text", "text": shown, "emoji": False}}, block_id)


def section(markdown: str, *, block_id: str = "") -> Block:
    """Words of our own; whatever is put into them must have been escaped."""
    assert len(markdown) <= SECTION_CHARACTERS
    return _with_id({"type": "section", "text": {"type": "mrkdwn", "text": markdown, "verbatim": True}}, block_id)


def context(markdown: str, *, block_id: str = "") -> Block:
    """Small words of our own."""
    element = {"type": "mrkdwn", "text": markdown[:SECTION_CHARACTERS], "verbatim": True}
    return _with_id({"type": "context", "elements": [element]}, block_id)


def header(text: str) -> Block:
    """A headline."""
    return {"type": "header", "text": {"type": "plain_text", "text": cut(text, 150), "emoji": False}}


def actions(*buttons: Block, block_id: str) -> Block:
    """Buttons in a row."""
    return {"type": "actions", "block_id": block_id, "elements": list(buttons)}


def button(text: str, *, action: str, value: str, style: str = "") -> Block:
    """A button. `value` comes back with the click."""
    assert len(value) <= 2000
    label = {"type": "plain_text", "text": text, "emoji": False}
    made: Block = {"type": "button", "action_id": action, "text": label, "value": value}
    return {**made, "style": style} if style else made


def multi_select(placeholder: str, options: Mapping[str, str], chosen: Iterable[str], *, action: str) -> Block:
    """A menu to choose several from.

    Args:
        options: What is shown, by value.
        chosen: Values chosen at first; those that are no option are left out.
    """
    made: Block = {
        "type": "multi_static_select",
        "action_id": action,
        "placeholder": {"type": "plain_text", "text": placeholder, "emoji": False},
        "options": [_option(value, shown) for value, shown in options.items()],
    }
    initial = [_option(value, options[value]) for value in chosen if value in options]
    return {**made, "initial_options": initial} if initial else made  # an empty list is refused


def picture(file: str, alt_text: str) -> Block:
    """A picture that was uploaded, by Slack's id of the file."""
    return {"type": "image", "slack_file": {"id": file}, "alt_text": alt_text}


def preview(text: str) -> str:
    """The start of what somebody wrote, for a notification."""
    return cut(" ".join(text.split()), _PREVIEW_CHARACTERS)


def _option(value: str, shown: str) -> Block:
    label = {"type": "plain_text", "text": cut(shown, OPTION_CHARACTERS), "emoji": False}
    return {"text": label, "value": value}


def _with_id(block: Block, block_id: str) -> Block:
    return {**block, "block_id": block_id} if block_id else block
