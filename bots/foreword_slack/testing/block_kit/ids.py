"""Ids for blocks and elements that the app sends without one."""

from __future__ import annotations

import copy
from typing import Any

from foreword_slack.testing.block_kit.reading import block_elements
from foreword_slack.testing.ids import Ids


def with_ids(blocks: list[dict[str, Any]], ids: Ids) -> list[dict[str, Any]]:
    """Return a copy of checked blocks in which each block and each element has an id."""
    named = copy.deepcopy(blocks)
    for block in named:
        if not block.get("block_id"):
            block["block_id"] = ids.next("b")
        for element in block_elements(block):
            if element.get("type") != "image" and not element.get("action_id"):
                element["action_id"] = ids.next("a")
    return named
