"""Windows that open on a click: the correction of a complaint."""

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
    """What a correction is about: it travels with the window, at Slack.

    Attributes:
        label: The department that says that the complaint is not its own.
        text: The complaint as the clicked message showed it; empty when that is not known or too long. The store has
            it redacted only.
        revision: The edit of the complaint that the text is of.
    """

    complaint: str
    label: str
    text: str = ""
    revision: str = ""


def correction_modal(about: CorrectionContext, chosen: Iterable[str], policy: RoutingPolicy) -> Block:
    """The window that asks for the right departments.

    Args:
        chosen: Departments that know of it now; the one that was wrong is not proposed again.
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
            section("Who should have heard of it? The answer is kept, so that the next model does better."),
            {
                "type": "input",
                "block_id": _LABELS_BLOCK,
                "optional": True,  # none at all is an answer too
                "label": _plain("Departments"),
                "hint": _plain("Leave it empty when it is for no department."),
                "element": multi_select("Departments", options, proposed, action=_LABELS_ACTION),
            },
        ],
    }


def read_correction(view: Mapping[str, Any]) -> tuple[CorrectionContext, tuple[str, ...]]:
    """What was submitted: what it is about, and the labels."""
    about = json.loads(view["private_metadata"])
    labels = selected(view["state"]["values"], _LABELS_BLOCK, _LABELS_ACTION)
    return CorrectionContext(**about), labels


def selected(values: Mapping[str, Any], block: str, action: str) -> tuple[str, ...]:
    """Values chosen in a multi-select of a message or a window."""
    element = values.get(block, {}).get(action, {})
    return tuple(option["value"] for option in element.get("selected_options") or ())


def _metadata(about: CorrectionContext) -> str:
    whole = json.dumps(asdict(about), ensure_ascii=False)
    return whole if len(whole) <= _METADATA_CHARACTERS else json.dumps(asdict(replace(about, text="")))


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}
