"""The message about a retraining in the review channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from foreword_slack.comparison import Comparison
from foreword_slack.markup import cut, escape
from foreword_slack.payloads import DECLINE, PROMOTE, RETRAIN, ROLL_BACK
from foreword_slack.views.message import Block, Message, actions, button, context, section

_BUTTONS: Mapping[str, tuple[str, str]] = {
    RETRAIN: ("Retrain", "primary"),
    PROMOTE: ("Promote", "primary"),
    ROLL_BACK: ("Roll back", "danger"),
    DECLINE: ("Not now", ""),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingCard:
    """The displayed parts of a retraining.

    Attributes:
        key: Key of the retraining, returned with every click.
        headline: The current status as plain text.
        facts: Details as plain text.
        comparison: Comparison of both models on the held-out rows, once available.
        buttons: Action ids of the buttons to show.
    """

    key: int
    headline: str
    facts: tuple[str, ...] = ()
    comparison: Comparison | None = None
    buttons: tuple[str, ...] = ()


def retraining_post(card: RetrainingCard) -> Message:
    """Build the only message of a retraining, which is updated from the proposal to the end."""
    blocks: list[Block] = [section(f"*{cut(card.headline, 300)}*")]
    if card.comparison is not None:
        blocks.append(section(_comparison(card.comparison)))
    if card.facts:
        blocks.append(context("\n".join(cut(fact, 500) for fact in card.facts)))
    if card.buttons:
        made = (_button(action, card.key) for action in card.buttons)
        blocks.append(actions(*made, block_id="retraining"))
    return Message(text=escape(card.headline), blocks=tuple(blocks))


def _button(action: str, key: int) -> Block:
    text, style = _BUTTONS[action]
    return button(text, action=action, value=str(key), style=style)


def _comparison(comparison: Comparison) -> str:
    new, current = comparison.new, comparison.current
    return (
        f"On {new.rows} complaints that neither model was trained on:\n"
        f"• new model: {new.right} exactly right ({new.share:.0%}), micro F1 {new.micro_f1:.2f}\n"
        f"• current model: {current.right} exactly right ({current.share:.0%}), micro F1 {current.micro_f1:.2f}"
    )
