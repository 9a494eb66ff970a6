"""Parsing of request bodies."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


def parse_body(body: bytes, content_type: str) -> dict[str, Any]:
    """Parse the payload of an event, an interaction or a slash command.

    Args:
        body: The request's body.
        content_type: The content type without parameters.

    Raises:
        ValueError: The body is not a payload of Slack; the message has the reason.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("the body is not UTF-8") from None
    if content_type == _JSON:
        return _object(text)
    if content_type != _FORM:
        raise ValueError(f"the content type must be {_JSON} or {_FORM}")
    fields = dict(parse_qsl(text, keep_blank_values=True))
    if "payload" in fields:
        return _object(fields["payload"])
    if not fields:
        raise ValueError("the form is empty")
    return dict(fields)


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None
    if not isinstance(found, dict):
        raise ValueError("the body must be a JSON object")
    return found
