"""The modal in which administrators change channels and thresholds of departments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foreword_slack.routing import RoutingPolicy
from foreword_slack.views.message import Block, section

SETTINGS = "settings"
_CHANNEL = "channel"
_THRESHOLD = "threshold"
_CHANGED_MEANWHILE = "Another person has changed this since you opened the window. Close it and open it again."
_MOST_DEPARTMENTS = 45  # two blocks each, of the 100 that a modal may have


def settings_modal(policy: RoutingPolicy) -> Block:
    """Build the modal, filled with the current settings."""
    blocks = [
        section("The bot must be a member of each channel. Empty a field to use the value of the configuration file.")
    ]
    for number, rule in enumerate(list(policy.departments.values())[:_MOST_DEPARTMENTS]):
        blocks += [
            _input(
                f"{_CHANNEL}:{number}",
                f"{rule.title}: channel",
                {
                    "type": "conversations_select",
                    "action_id": f"{_CHANNEL}:{number}",
                    "initial_conversation": rule.channel,
                    "filter": {"include": ["public", "private"]},
                },
            ),
            _input(
                f"{_THRESHOLD}:{number}",
                f"{rule.title}: threshold in percent",
                {
                    "type": "plain_text_input",
                    "action_id": f"{_THRESHOLD}:{number}",
                    "initial_value": _percent(rule.threshold),
                },
            ),
        ]
    return {
        "type": "modal",
        "callback_id": SETTINGS,
        "title": _plain("Departments"),
        "submit": _plain("Save"),
        "close": _plain("Cancel"),
        "blocks": blocks,
    }


def read_settings(view: Mapping[str, Any], policy: RoutingPolicy) -> tuple[dict[str, Any], dict[str, str]]:
    """Read the submitted settings.

    Only fields that the person has changed count, so a window that was opened before another person's change does not
    undo it. A field that both have changed is a fault.

    Returns:
        The changes by label: `channel` and `threshold`, where None means the value of the file; and the faults by block
        id.
    """
    values = view["state"]["values"]
    shown = {block.get("block_id"): block.get("element") or {} for block in view.get("blocks") or ()}
    changes: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for number, rule in enumerate(list(policy.departments.values())[:_MOST_DEPARTMENTS]):
        channel_field, threshold_field = f"{_CHANNEL}:{number}", f"{_THRESHOLD}:{number}"
        changed: dict[str, Any] = {}
        channel = _state(values, channel_field).get("selected_conversation")
        offered = shown.get(channel_field, {}).get("initial_conversation")
        if channel not in (offered, rule.channel):
            changed["channel"] = channel
            if offered != rule.channel:
                faults[channel_field] = _CHANGED_MEANWHILE
        text = (_state(values, threshold_field).get("value") or "").strip()
        offered = shown.get(threshold_field, {}).get("initial_value")
        threshold = _threshold(text)
        if threshold is not None and not 0 <= threshold <= 1:
            faults[threshold_field] = "Enter a number from 0 to 100."
        elif text != offered and threshold != rule.threshold:
            changed["threshold"] = threshold
            if offered != _percent(rule.threshold):
                faults[threshold_field] = _CHANGED_MEANWHILE
        if changed:
            changes[rule.label] = changed
    return changes, faults


def _threshold(text: str) -> float | None:
    """Return a threshold in [0, 1]; None for an empty text, and -1 for one that is not a number."""
    try:
        return float(text.removesuffix("%").replace(",", ".")) / 100 if text else None
    except ValueError:
        return -1.0


def _percent(threshold: float) -> str:
    return f"{100 * threshold:g}"


def channel_block(policy: RoutingPolicy, label: str) -> str:
    """Return the id of the block with a department's channel."""
    return f"{_CHANNEL}:{list(policy.departments).index(label)}"


def _state(values: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    state: Mapping[str, Any] = values.get(field, {}).get(field, {})
    return state


def _input(block_id: str, label: str, element: Block) -> Block:
    return {"type": "input", "block_id": block_id, "optional": True, "label": _plain(label), "element": element}


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}
