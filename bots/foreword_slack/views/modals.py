"""The modal to correct the departments of a complaint."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from foreword_slack.routing import RoutingPolicy
from foreword_slack.views.message import Block, multi_select, section

CORRECTION = "correction"
_LABELS_BLOCK = "labels"
_LABELS_ACTION = "choice"
_METADATA_CHARACTERS = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionContext:
    """The context of a correction, which Slack stores with the modal.

    Attributes:
        label: Label of the department in whose channel a person clicked.
        text: The complaint's text in the clicked message; empty if unknown or too long. The store has only redacted
            text.
        revision: Timestamp of the edit that the text belongs to.
    """

    complaint: str
    label: str
    text: str = ""
    revision: str = ""


def correction_modal(about: CorrectionContext, chosen: Iterable[str], policy: RoutingPolicy) -> Block:
    """Build the modal that asks for the right departments.

    Args:
        chosen: Current departments; the wrong one is not preselected.
    """
    options = {rule.label: rule.title for rule in policy.departments.values()}
    proposed = [label for label in chosen if label != about.label]
    return {
        "type": "modal",
        "callback_id": CORRECTION,
        "private_metadata": _metadata(about),
        "title": _plain("Right departments"),
        "submit": _plain("Correct"),
        "close": _plain("Cancel"),
        "blocks": [
            section("Which departments should handle this complaint? Your correction helps to train the next model."),
            {
                "type": "input",
                "block_id": _LABELS_BLOCK,
                "optional": True,  # no department is a valid answer
                "label": _plain("Departments"),
                "hint": _plain("Leave this empty if the complaint is for no department."),
                "element": multi_select("Departments", options, proposed, action=_LABELS_ACTION),
            },
        ],
    }


def read_correction(view: Mapping[str, Any]) -> tuple[CorrectionContext, tuple[str, ...]]:
    """Return the context and the selected labels of a submitted modal."""
    about = json.loads(view["private_metadata"])
    labels = selected(view["state"]["values"], _LABELS_BLOCK, _LABELS_ACTION)
    return CorrectionContext(**about), labels


def selected(values: Mapping[str, Any], block: str, action: str) -> tuple[str, ...]:
    """Return the selected values of a multi-select in a message or modal."""
    element = values.get(block, {}).get(action, {})
    return tuple(option["value"] for option in element.get("selected_options") or ())


def _metadata(about: CorrectionContext) -> str:
    whole = json.dumps(asdict(about), ensure_ascii=False)
    return whole if len(whole) <= _METADATA_CHARACTERS else json.dumps(asdict(replace(about, text="")))


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}
