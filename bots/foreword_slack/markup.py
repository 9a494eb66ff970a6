"""Conversion between Slack's text format and plain text, both ways.

https://api.slack.com/reference/surfaces/formatting
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_CONTROL = re.compile(r"<([^<>]*)>")
_SPECIAL = {"here": "@here", "channel": "@channel", "everyone": "@everyone"}
_SURROGATE = re.compile("[\ud800-\udfff]")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))  # the ampersand last: `&amp;lt;` is a literal `&lt;`


def without_surrogates(value: Any) -> Any:
    """Replace lone surrogates in the texts of a payload by U+FFFD; JSON may have them, but UTF-8 does not."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {without_surrogates(name): without_surrogates(item) for name, item in value.items()}
    return [without_surrogates(item) for item in value] if isinstance(value, list) else value


def plain_text(text: str) -> str:
    """Convert a message to the text that people see: mentions, channels and links as words, entities as characters."""
    text = _CONTROL.sub(lambda found: _words(found.group(1)), text)
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return text.replace("\0", "").strip()  # neither the service nor PostgreSQL accepts NUL


def escape(text: str) -> str:
    """Escape plain text so that Slack shows it literally, without mentions, broadcasts, links or dates.

    Invisible characters and those that change the writing direction are removed, because they could hide content.
    """
    kept = "".join(character for character in text if character in "\n\t" or _is_visible(character))
    return kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, limit: int) -> str:
    """Escape plain text and shorten it to at most `limit` characters, with an ellipsis for the rest."""
    escaped = escape(text)
    if len(escaped) <= limit:
        return escaped
    pieces: list[str] = []
    room = limit - 1
    for character in text:
        piece = escape(character)
        room -= len(piece)
        if room < 0:
            break
        pieces.append(piece)
    return "".join(pieces).rstrip() + "…"


def without_mention(text: str, user: str) -> str:
    """Remove the mentions of a user, usually the bot, from a message."""
    return re.sub(rf"<@{re.escape(user)}(?:\|[^<>]*)?>", "", text).strip()


def _words(control: str) -> str:
    """Convert a control sequence to words. An id without a label becomes a generic word."""
    target, _, label = control.partition("|")
    if target.startswith("!"):
        name = target[1:].partition("^")[0]
        return label or _SPECIAL.get(name, "")
    if target.startswith("@"):
        return f"@{label}" if label else "@someone"
    if target.startswith("#"):
        return f"#{label}" if label else "#channel"
    return label or target.removeprefix("mailto:").removeprefix("tel:")


def _is_visible(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn") or character == "\u200d"  # in emoji
