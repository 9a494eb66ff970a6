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
    """A message: `text` is for notifications and screen readers, `blocks` is what people see."""

    text: str
    blocks: tuple[Block, ...] = ()

    def payload(self) -> dict[str, Any]:
        """Return the content arguments of `chat.postMessage` and `chat.update`."""
        return {"text": self.text, "blocks": list(self.blocks)}


def literal(text: str, *, block_id: str = "") -> Block:
    """Build a section of another person's text: plain text without formatting or links."""
    shown = cut(text, SECTION_CHARACTERS) or "(empty)"
    return _with_id({"type": "section", "text": {"type": "plain_text", "text": shown, "emoji": False}}, block_id)


def section(markdown: str, *, block_id: str = "") -> Block:
    """Build a section of the bot's own text; the caller must escape everything inserted into it."""
    assert len(markdown) <= SECTION_CHARACTERS
    return _with_id({"type": "section", "text": {"type": "mrkdwn", "text": markdown, "verbatim": True}}, block_id)


def context(markdown: str, *, block_id: str = "") -> Block:
    """Build a context block of the bot's own text, shown small."""
    element = {"type": "mrkdwn", "text": markdown[:SECTION_CHARACTERS], "verbatim": True}
    return _with_id({"type": "context", "elements": [element]}, block_id)


def header(text: str) -> Block:
    """Build a headline."""
    return {"type": "header", "text": {"type": "plain_text", "text": cut(text, 150), "emoji": False}}


def actions(*buttons: Block, block_id: str) -> Block:
    """Build a row of buttons."""
    return {"type": "actions", "block_id": block_id, "elements": list(buttons)}


def button(text: str, *, action: str, value: str, style: str = "") -> Block:
    """Build a button; Slack returns `value` with the click."""
    assert len(value) <= 2000
    label = {"type": "plain_text", "text": text, "emoji": False}
    made: Block = {"type": "button", "action_id": action, "text": label, "value": value}
    return {**made, "style": style} if style else made


def multi_select(placeholder: str, options: Mapping[str, str], chosen: Iterable[str], *, action: str) -> Block:
    """Build a menu with multiple selection.

    Args:
        options: Displayed texts by value.
        chosen: Initially selected values; those that are not options are left out.
    """
    made: Block = {
        "type": "multi_static_select",
        "action_id": action,
        "placeholder": {"type": "plain_text", "text": placeholder, "emoji": False},
        "options": [_option(value, shown) for value, shown in options.items()],
    }
    initial = [_option(value, options[value]) for value in chosen if value in options]
    return {**made, "initial_options": initial} if initial else made  # Slack refuses an empty list


def picture(file: str, alt_text: str) -> Block:
    """Build an image block of an uploaded picture, by Slack's id of the file."""
    return {"type": "image", "slack_file": {"id": file}, "alt_text": alt_text}


def preview(text: str) -> str:
    """Return the start of a text, for a notification."""
    return cut(" ".join(text.split()), _PREVIEW_CHARACTERS)


def _option(value: str, shown: str) -> Block:
    label = {"type": "plain_text", "text": cut(shown, OPTION_CHARACTERS), "emoji": False}
    return {"text": label, "value": value}


def _with_id(block: Block, block_id: str) -> Block:
    return {**block, "block_id": block_id} if block_id else block
