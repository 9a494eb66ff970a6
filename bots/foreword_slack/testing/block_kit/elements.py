"""Elements of Block Kit: buttons, menus, inputs. See https://docs.slack.dev/reference/block-kit/block-elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from foreword_slack.testing.block_kit.faults import FaultList

_OPTIONS = 100
_OPTION_TEXT = 75
_OPTION_VALUE = 150
_STYLES = (None, "primary", "danger")


def check_element(faults: FaultList, element: Any, *, allowed: frozenset[str]) -> None:
    """Check an element in a place that accepts elements of the `allowed` types."""
    if not isinstance(element, dict):
        faults.add("must be an object")
        return
    kind = element.get("type")
    if kind not in allowed or kind not in _CHECKS:
        faults.add(f"unsupported type: {kind}")
        return
    faults.check_string(element, "action_id", 255)
    if "confirm" in element:
        _check_confirm(faults, element["confirm"])
    _CHECKS[kind](faults, element)


def _check_button(faults: FaultList, element: dict[str, Any]) -> None:
    faults.check_text(element, "text", 75, plain=True)
    faults.check_string(element, "value", 2000)
    faults.check_string(element, "url", 3000)
    faults.check_string(element, "accessibility_label", 75)
    if element.get("style") not in _STYLES:
        with faults.at("style"):
            faults.add("must be one of primary, danger")


def _check_static_select(faults: FaultList, element: dict[str, Any]) -> None:
    _check_menu(faults, element)
    options = _check_options(faults, element)
    _check_chosen(faults, element, "initial_option", options, many=False)


def _check_multi_static_select(faults: FaultList, element: dict[str, Any]) -> None:
    _check_menu(faults, element)
    options = _check_options(faults, element)
    _check_chosen(faults, element, "initial_options", options, many=True)
    most = element.get("max_selected_items")
    if most is not None and (not isinstance(most, int) or most < 1):
        with faults.at("max_selected_items"):
            faults.add("must be at least 1")


def _check_menu(faults: FaultList, element: dict[str, Any]) -> None:
    faults.check_text(element, "placeholder", 150, plain=True, required=False)


def _check_checkboxes(faults: FaultList, element: dict[str, Any]) -> None:
    options = _check_options(faults, element, most=10)
    _check_chosen(faults, element, "initial_options", options, many=True)


def _check_radio_buttons(faults: FaultList, element: dict[str, Any]) -> None:
    options = _check_options(faults, element, most=10)
    _check_chosen(faults, element, "initial_option", options, many=False)


def _check_overflow(faults: FaultList, element: dict[str, Any]) -> None:
    _check_options(faults, element, most=5)


def _check_plain_text_input(faults: FaultList, element: dict[str, Any]) -> None:
    faults.check_text(element, "placeholder", 150, plain=True, required=False)
    faults.check_string(element, "initial_value", 3000)
    for key, least in (("min_length", 0), ("max_length", 1)):
        value = element.get(key)
        if value is not None and not (isinstance(value, int) and least <= value <= 3000):
            with faults.at(key):
                faults.add(f"must be in [{least}, 3000]")


def _check_number_input(faults: FaultList, element: dict[str, Any]) -> None:
    if not isinstance(element.get("is_decimal_allowed"), bool):
        faults.add("missing required field: is_decimal_allowed")
    for key in ("initial_value", "min_value", "max_value"):
        if key in element and not isinstance(element[key], str):
            with faults.at(key):
                faults.add("must be a string")


def _check_image(faults: FaultList, element: dict[str, Any]) -> None:
    faults.check_string(element, "alt_text", 2000, required=True)
    if ("image_url" in element) == ("slack_file" in element):
        faults.add("must have exactly one of image_url, slack_file")
    faults.check_string(element, "image_url", 3000)


def _check_options(faults: FaultList, element: dict[str, Any], *, most: int = _OPTIONS) -> list[dict[str, Any]]:
    """Check options or groups of options, and return all options."""
    if "option_groups" in element:
        found: list[dict[str, Any]] = []
        for number, group in enumerate(faults.check_list(element, "option_groups", _OPTIONS)):
            with faults.at("option_groups", number):
                faults.check_text(group, "label", 75, plain=True)
                found += _check_option_list(faults, group, most)
        return found
    return _check_option_list(faults, element, most)


def _check_option_list(faults: FaultList, holder: dict[str, Any], most: int) -> list[dict[str, Any]]:
    options = faults.check_list(holder, "options", most)
    for number, option in enumerate(options):
        with faults.at("options", number):
            faults.check_text(option, "text", _OPTION_TEXT)
            faults.check_string(option, "value", _OPTION_VALUE, required=True)
            faults.check_text(option, "description", 75, required=False)
    values = [option.get("value") for option in options if isinstance(option, dict)]
    if len(set(values)) < len(values):
        with faults.at("options"):
            faults.add("the values of options must differ")
    return options


def _check_chosen(
    faults: FaultList, element: dict[str, Any], key: str, options: list[dict[str, Any]], *, many: bool
) -> None:
    """Check that the initial choice is among the options, by text and value."""
    if key not in element:
        return
    chosen = faults.check_list(element, key, len(options)) if many else [element[key]]
    offered = [(option.get("value"), option.get("text", {}).get("text")) for option in options]
    for option in chosen:
        if (option.get("value"), option.get("text", {}).get("text")) not in offered:
            with faults.at(key):
                faults.add("must be among the options")


def _check_confirm(faults: FaultList, confirm: dict[str, Any]) -> None:
    with faults.at("confirm"):
        faults.check_text(confirm, "title", 100, plain=True)
        faults.check_text(confirm, "text", 300)
        faults.check_text(confirm, "confirm", 30, plain=True)
        faults.check_text(confirm, "deny", 30, plain=True)


_CHECKS: dict[str, Callable[[FaultList, dict[str, Any]], None]] = {
    "button": _check_button,
    "static_select": _check_static_select,
    "multi_static_select": _check_multi_static_select,
    "channels_select": _check_menu,
    "conversations_select": _check_menu,
    "users_select": _check_menu,
    "multi_channels_select": _check_menu,
    "multi_conversations_select": _check_menu,
    "multi_users_select": _check_menu,
    "checkboxes": _check_checkboxes,
    "radio_buttons": _check_radio_buttons,
    "overflow": _check_overflow,
    "plain_text_input": _check_plain_text_input,
    "number_input": _check_number_input,
    "image": _check_image,
}

MENUS = frozenset(kind for kind in _CHECKS if kind.endswith("_select"))
INPUTS = MENUS | {"checkboxes", "radio_buttons", "plain_text_input", "number_input"}
ACTIONS = frozenset(
    {"button", "static_select", "channels_select", "conversations_select", "users_select", "overflow"}
    | {"checkboxes", "radio_buttons"}
    | {kind for kind in MENUS if kind.startswith("multi_")}
)
ACCESSORIES = ACTIONS | {"image"}
