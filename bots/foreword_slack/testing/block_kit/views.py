"""Views: modals and App Homes. See https://docs.slack.dev/reference/views."""

from __future__ import annotations

import json
from typing import Any

from foreword_slack.testing.block_kit.blocks import VIEW_BLOCKS, check_blocks
from foreword_slack.testing.block_kit.faults import FaultList


def check_view(view: Any, *, kind: str) -> list[str]:
    """Check a view.

    Args:
        view: The view that the app sent.
        kind: `modal` or `home`.

    Returns:
        Slack's error message for each fault; empty if the view is valid.
    """
    faults = FaultList()
    if not isinstance(view, dict):
        faults.add("must be an object")
        return faults.messages
    if view.get("type") != kind:
        with faults.at("type"):
            faults.add(f"must be {kind}")
    if kind == "modal":
        faults.check_text(view, "title", 24, plain=True)
        faults.check_text(view, "submit", 24, plain=True, required=_has_input(view))
        faults.check_text(view, "close", 24, plain=True, required=False)
    faults.check_string(view, "callback_id", 255)
    faults.check_string(view, "external_id", 255)
    faults.check_string(view, "private_metadata", 3000)
    return faults.messages + check_blocks(view.get("blocks"), most=VIEW_BLOCKS)


def view_bytes(view: Any) -> int:
    """Return the size of a view as JSON, in bytes."""
    return len(json.dumps(view, ensure_ascii=False).encode())


def _has_input(view: dict[str, Any]) -> bool:
    blocks = view.get("blocks")
    return isinstance(blocks, list) and any(
        isinstance(block, dict) and block.get("type") == "input" for block in blocks
    )
