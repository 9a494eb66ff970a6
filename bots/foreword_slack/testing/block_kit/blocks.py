"""Blocks of messages and views. See https://docs.slack.dev/reference/block-kit/blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from foreword_slack.testing.block_kit.elements import ACCESSORIES, ACTIONS, INPUTS, check_element
from foreword_slack.testing.block_kit.faults import FaultList

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100


def check_blocks(blocks: Any, *, most: int) -> list[str]:
    """Check the blocks of a message or a view.

    Args:
        blocks: The blocks that the app sent.
        most: Maximum number of blocks.

    Returns:
        Slack's error message for each fault; empty if the blocks are valid.
    """
    faults = FaultList()
    holder = {"blocks": blocks}
    for number, block in enumerate(faults.check_list(holder, "blocks", most, least=0)):
        with faults.at("blocks", number):
            _check_block(faults, block)
    _check_ids(faults, blocks if isinstance(blocks, list) else [])
    return faults.messages


def _check_block(faults: FaultList, block: Any) -> None:
    if not isinstance(block, dict):
        faults.add("must be an object")
        return
    kind = block.get("type")
    if kind not in _CHECKS:
        faults.add(f"unsupported type: {kind}")
        return
    faults.check_string(block, "block_id", 255)
    _CHECKS[kind](faults, block)


def _check_section(faults: FaultList, block: dict[str, Any]) -> None:
    if "text" not in block and "fields" not in block:
        faults.add("missing required field: text or fields")
    faults.check_text(block, "text", 3000, required=False)
    if "fields" in block:
        for number, field in enumerate(faults.check_list(block, "fields", 10)):
            with faults.at("fields", number):
                faults.check_text_object(field, 2000)
    if "accessory" in block:
        with faults.at("accessory"):
            check_element(faults, block["accessory"], allowed=ACCESSORIES)


def _check_header(faults: FaultList, block: dict[str, Any]) -> None:
    faults.check_text(block, "text", 150, plain=True)


def _check_divider(faults: FaultList, block: dict[str, Any]) -> None:
    pass


def _check_context(faults: FaultList, block: dict[str, Any]) -> None:
    for number, element in enumerate(faults.check_list(block, "elements", 10)):
        with faults.at("elements", number):
            if isinstance(element, dict) and element.get("type") == "image":
                check_element(faults, element, allowed=frozenset({"image"}))
            else:
                faults.check_text_object(element, 2000)


def _check_actions(faults: FaultList, block: dict[str, Any]) -> None:
    for number, element in enumerate(faults.check_list(block, "elements", 25)):
        with faults.at("elements", number):
            check_element(faults, element, allowed=ACTIONS)


def _check_input(faults: FaultList, block: dict[str, Any]) -> None:
    faults.check_text(block, "label", 2000, plain=True)
    faults.check_text(block, "hint", 2000, plain=True, required=False)
    with faults.at("element"):
        check_element(faults, block.get("element"), allowed=INPUTS)


def _check_image(faults: FaultList, block: dict[str, Any]) -> None:
    check_element(faults, block, allowed=frozenset({"image"}))
    faults.check_text(block, "title", 2000, plain=True, required=False)


def _check_rich_text(faults: FaultList, block: dict[str, Any]) -> None:
    faults.check_list(block, "elements", 1000)


def _check_ids(faults: FaultList, blocks: list[Any]) -> None:
    """Check that block ids are unique in the payload and action ids are unique in their block."""
    named = [block for block in blocks if isinstance(block, dict)]
    block_ids = [block["block_id"] for block in named if block.get("block_id")]
    for id in {id for id in block_ids if block_ids.count(id) > 1}:
        with faults.at("blocks"):
            faults.add(f"block_id already exists: {id}")
    for number, block in enumerate(named):
        elements = block.get("elements") if block.get("type") == "actions" else None
        action_ids = [item.get("action_id") for item in elements or () if isinstance(item, dict)]
        for id in {id for id in action_ids if id and action_ids.count(id) > 1}:
            with faults.at("blocks", number, "elements"):
                faults.add(f"action_id already exists: {id}")


_CHECKS: dict[str, Callable[[FaultList, dict[str, Any]], None]] = {
    "section": _check_section,
    "header": _check_header,
    "divider": _check_divider,
    "context": _check_context,
    "actions": _check_actions,
    "input": _check_input,
    "image": _check_image,
    "rich_text": _check_rich_text,
}
