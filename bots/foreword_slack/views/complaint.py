"""Posts about a complaint in a department's channel, the review channel, and the complaint's thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foreword_slack.markup import escape, plain_text
from foreword_slack.routing import Guess, RoutingPolicy
from foreword_slack.views.message import (
    Block,
    Message,
    actions,
    button,
    context,
    literal,
    multi_select,
    preview,
    section,
)

TAKE = "complaint_take"
WRONG = "complaint_wrong"
DECIDE = "review_decide"
DISMISS = "review_dismiss"
CHOOSE = "review_choose"
CHOICE_BLOCK = "review_choice"

_TEXT_BLOCK = "complaint_text_"
_MOST_REASONS = 8
_MOST_SCORES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintCard:
    """The displayed parts of a complaint.

    Attributes:
        id: Id of the complaint, returned with every click.
        text: Plain text; redacted if the original is no longer available.
        revision: Timestamp of the author's last edit, so that a click on an older post does not restore the old text.
        permalink: Link to the source; empty for a complaint that is not a message.
    """

    id: str
    text: str
    revision: str = ""
    permalink: str = ""
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownText:
    """The text of a complaint in a message of the bot, and the edit that it belongs to."""

    text: str = ""
    revision: str = ""


def department_post(
    card: ComplaintCard, label: str, guess: Guess | None, policy: RoutingPolicy, *, status: str = "", open: bool = True
) -> Message:
    """Build the post for a department's channel.

    Args:
        label: Label of the department.
        guess: The model's answer; None if people decided without it.
        status: The status as plain text.
        open: Whether the complaint can still be taken.
    """
    title = policy.title(label)
    blocks = [section(f"*Complaint for {escape(title)}*"), *_body(card), context(_facts(card, guess, policy))]
    if status:
        blocks.append(context(escape(status), block_id="status"))
    if open and not card.deleted:
        value = f"{card.id}|{label}"
        take = button("Take it", action=TAKE, value=value, style="primary")
        blocks.append(actions(take, button("Wrong department", action=WRONG, value=value), block_id="department"))
    elif not card.deleted:
        wrong = button("Wrong department", action=WRONG, value=f"{card.id}|{label}")
        blocks.append(actions(wrong, block_id="department"))
    return Message(text=f"Complaint for {escape(title)}: {preview(card.text)}", blocks=tuple(blocks))


def withdrawn_post(card: ComplaintCard, label: str, policy: RoutingPolicy, *, status: str) -> Message:
    """Build the post of a complaint that is no longer this department's."""
    title = escape(policy.title(label))
    return Message(
        text=f"Complaint, no longer for {title}: {preview(card.text)}",
        blocks=(section(f"~Complaint for {title}~"), *_body(card), context(escape(status), block_id="status")),
    )


def review_post(card: ComplaintCard, reasons: Sequence[str], guess: Guess | None, policy: RoutingPolicy) -> Message:
    """Build the post for the review channel, with the model's guess preselected."""
    why = "\n".join(f"• {escape(reason)}" for reason in reasons[:_MOST_REASONS])
    guessed = guess.labels if guess else ()
    options = {rule.label: rule.title for rule in policy.departments.values()}
    menu = multi_select("Departments", options, guessed, action=CHOOSE)
    choice = section("Select the departments:", block_id=CHOICE_BLOCK)
    decide = button("Decide", action=DECIDE, value=card.id, style="primary")
    dismiss = button("For no department", action=DISMISS, value=card.id)
    blocks = [
        section(f"*Which departments should handle this?*\n{why[:2500]}"),
        *_body(card),
        context(_facts(card, guess, policy)),
        {**choice, "accessory": menu},
        actions(decide, dismiss, block_id="review"),
    ]
    if card.deleted:
        del blocks[-2:]
    return Message(text=f"Complaint to decide on: {preview(card.text)}", blocks=tuple(blocks))


def decided_post(card: ComplaintCard, guess: Guess | None, policy: RoutingPolicy, *, status: str) -> Message:
    """Build the post of a complaint that needs no further decision."""
    blocks = (*_body(card), context(_facts(card, guess, policy)), context(escape(status), block_id="status"))
    return Message(text=f"{escape(status)} {preview(card.text)}", blocks=blocks)


def thread_note(status: str) -> Message:
    """Build a reply in a thread: plain text without anything of the complaint."""
    return Message(text=escape(status), blocks=(context(escape(status)),))


def refusal_note(channel: str, reason: str) -> Message:
    """Build the direct message to administrators about a channel that refuses posts.

    Args:
        channel: Slack's id of the channel.
        reason: Slack's error code, or the failure of the connection.
    """
    text = (
        f"<#{channel}> refuses posts of the bot ({escape(reason)}), so some complaints could not be delivered. Make "
        f"the channel accessible and invite the bot, then run `foreword slack retry`."
    )
    return Message(text=text, blocks=(section(text),))


def shown_text(message: Mapping[str, Any]) -> ShownText:
    """Extract the text of a complaint from a message of the bot.

    The store has only redacted text, so the clicked message is the only source of the original.
    """
    for block in message.get("blocks") or ():
        id = str(block.get("block_id", ""))
        text = (block.get("text") or {}).get("text")
        if id.startswith(_TEXT_BLOCK) and isinstance(text, str):
            return ShownText(text=plain_text(text), revision=id.removeprefix(_TEXT_BLOCK))
    return ShownText()


def titles(labels: Iterable[str], policy: RoutingPolicy) -> str:
    """Return the names of departments, separated by commas."""
    return ", ".join(policy.title(label) for label in labels)


def _body(card: ComplaintCard) -> list[Block]:
    blocks = [literal(card.text, block_id=_text_block(card.revision))]
    if card.deleted:
        blocks.append(context("_The author deleted this complaint._"))
    elif card.revision:
        blocks.append(context("_Edited by the author._"))
    return blocks


def _text_block(revision: str) -> str:
    return f"{_TEXT_BLOCK}{revision}"


def _facts(card: ComplaintCard, guess: Guess | None, policy: RoutingPolicy) -> str:
    """Return probabilities, model version and link in one line."""
    facts = []
    if guess is not None:
        scores = sorted(guess.scores.items(), key=lambda item: -item[1])
        shown = [(label, score) for label, score in scores if label in guess.labels or score >= 0.05][:_MOST_SCORES]
        facts.append(" · ".join(f"{escape(policy.title(label))} {score:.0%}" for label, score in shown))
        facts.append(f"model {escape(guess.model_version.rsplit('/', 1)[-1])}")
    else:
        facts.append("no answer from the model")
    if card.permalink.startswith("https://"):
        facts.append(f"<{_url(card.permalink)}|source>")
    return " | ".join(fact for fact in facts if fact)


def _url(link: str) -> str:
    return escape(link).replace("|", "%7C")
