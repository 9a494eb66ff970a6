"""Input of people into elements, as Slack's state of the elements."""

from __future__ import annotations

from typing import Any

from foreword_slack.testing.block_kit.reading import block_elements

_PICKED = {
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
    "users_select": "selected_user",
}


def enter(element: dict[str, Any], *given: str) -> dict[str, Any]:
    """Return the state of an element after an input.

    Args:
        element: The element.
        given: A text; or options, each by its value or its label; or ids of channels or users.

    Raises:
        LookupError: The element does not offer an option.
        ValueError: Slack's client would refuse the input as too many choices or too long a text.
    """
    kind = element["type"]
    if kind in ("plain_text_input", "number_input"):
        text = given[0] if given else ""
        if len(text) > element.get("max_length", 3000):
            raise ValueError(
                f"{element['action_id']} takes {element.get('max_length', 3000)} characters, not {len(text)}. "
                "Enter a shorter text."
            )
        return {"type": kind, "value": text or None}
    most = element.get("max_selected_items", len(given)) if _takes_many(kind) else 1
    if len(given) > most:
        raise ValueError(f"{element['action_id']} takes {most} choices, not {len(given)}. Choose fewer.")
    if (single := kind.removeprefix("multi_")) in _PICKED:
        field = _PICKED[single]
        return {"type": kind, f"{field}s": list(given)} if _takes_many(kind) else {"type": kind, field: given[0]}
    chosen = [_option(element, item) for item in given]
    if _takes_many(kind):
        return {"type": kind, "selected_options": chosen}
    return {"type": kind, "selected_option": chosen[0] if chosen else None}


def initial(element: dict[str, Any]) -> dict[str, Any] | None:
    """Return the initial state of an element, or None if it has no state."""
    kind = element["type"]
    if kind in ("plain_text_input", "number_input"):
        return {"type": kind, "value": element.get("initial_value")}
    if (single := kind.removeprefix("multi_")) in _PICKED:
        field = _PICKED[single]
        name = f"{field}s" if _takes_many(kind) else field
        return {"type": kind, name: element.get(name.replace("selected", "initial"), [] if _takes_many(kind) else None)}
    if _takes_many(kind):
        return {"type": kind, "selected_options": element.get("initial_options", [])}
    if kind in ("static_select", "radio_buttons"):
        return {"type": kind, "selected_option": element.get("initial_option")}
    return None


def state_of(blocks: list[dict[str, Any]], entered: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the state of all elements: their input, or their initial state without one."""
    found: dict[str, dict[str, Any]] = {}
    for block in blocks:
        for element in block_elements(block):
            if element["type"] in ("image", "button") or (state := initial(element)) is None:
                continue
            values = found.setdefault(block["block_id"], {})
            values[element["action_id"]] = entered.get(block["block_id"], {}).get(element["action_id"], state)
    return found


def is_empty(state: dict[str, Any]) -> bool:
    """Return True if a state has no input."""
    return not any(value for key, value in state.items() if key != "type")


def _takes_many(kind: str) -> bool:
    return kind.startswith("multi_") or kind == "checkboxes"


def _option(element: dict[str, Any], wanted: str) -> dict[str, Any]:
    groups = element.get("option_groups") or [element]
    options: list[dict[str, Any]] = [option for group in groups for option in group["options"]]
    for option in options:
        if wanted in (option["value"], option["text"]["text"]):
            return option
    raise LookupError(f"{wanted!r} is not offered. Choose one of {[option['text']['text'] for option in options]}.")
