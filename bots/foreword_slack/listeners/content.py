"""The text of a message, from all its parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from foreword_slack.markup import escape

_WITH_WORDS = ("section", "header", "context", "rich_text", "markdown")
_ONE_LINE = ("rich_text_section", "rich_text_quote", "rich_text_preformatted")
_LITERAL = ("plain_text", "text")


def words_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message in Slack's format, including forwarded messages.

    The text of a forwarded message is in an attachment; that of a form posted by a bot is in attachments or blocks, and
    `text` is empty. A link preview is an attachment too, and is used only if there is no other text.
    """
    text = str(message.get("text") or "").strip()
    attachments = [item for item in message.get("attachments") or () if not text or item.get("is_share")]
    parts = [text, *(_attachment_words(item) for item in attachments)]
    return _lines(parts) or _block_words(message)


def is_enclosed(message: Mapping[str, Any]) -> bool:
    """Return whether files or attachments came with a message."""
    return bool(message.get("files") or message.get("attachments"))


def _attachment_words(attachment: Mapping[str, Any]) -> str:
    fields = (f"{item.get('title') or ''} {item.get('value') or ''}" for item in attachment.get("fields") or ())
    parts = [str(attachment.get(name) or "") for name in ("pretext", "title", "text")]
    return _lines([*parts, *fields, _block_words(attachment)]) or str(attachment.get("fallback") or "")


def _block_words(holder: Mapping[str, Any]) -> str:
    return _lines([_words(block) for block in holder.get("blocks") or () if block.get("type") in _WITH_WORDS])


def _words(node: Mapping[str, Any]) -> str:
    text = node.get("text")
    if isinstance(text, str):
        return escape(text) if node.get("type") in _LITERAL else text
    if node.get("type") == "link":
        return str(node.get("url") or "")
    parts = [_words(child) for child in _children(node)]
    return "".join(parts) if node.get("type") in _ONE_LINE else _lines(parts)


def _children(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name in ("text", "fields", "elements"):
        found = node.get(name) or ()
        yield from (found,) if isinstance(found, Mapping) else found


def _lines(parts: list[str]) -> str:
    return "\n".join(part.strip() for part in parts if part.strip())
