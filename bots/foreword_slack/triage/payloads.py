"""What an event of the inbox holds, once Slack's payload has been read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

MESSAGE = "message"
EDIT = "edit"
DELETION = "deletion"
TAKE = "take"
CORRECTION = "correction"
DECISION = "decision"
CLOCK = "clock"
RETRY = "retry"
HOME = "home"
RETRAIN = "retrain"
DECLINE = "decline"
PROMOTE = "promote"
ROLL_BACK = "roll_back"
PROPOSAL = "proposal"
LEARNING_STEP = "learning_step"
LEARNING_KINDS = (RETRAIN, DECLINE, PROMOTE, ROLL_BACK)
"""Buttons about a new model; each is its own action id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """Values of an inbox row."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Reads what `values` made."""
        return cls(**values)

    def values(self) -> dict[str, Any]:
        """As JSON can hold them."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePayload(Payload):
    """A complaint came in.

    Attributes:
        text: In Slack's format.
        thread_ts: Where its author is told what becomes of it; None where nothing may be posted.
        asker: Who asked to route somebody else's message, and is told in private; empty for none.
        edit_ts: When its author edited it last, if it is known by its edit only.
        reply: Whether it stands in a thread alone: a complaint only if somebody said so.
        enclosed: Whether files or attachments came with it, so that it says something even without words.
        linked: Whether it is a message that can be linked to; what came with a slash command is not.
    """

    channel: str
    ts: str
    author: str
    text: str
    thread_ts: str | None = None
    asker: str = ""
    edit_ts: str | None = None
    reply: bool = False
    enclosed: bool = False
    linked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionPayload(Payload):
    """The author took a message back."""

    channel: str
    ts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakePayload(Payload):
    """Somebody of a department takes a complaint.

    Attributes:
        text: The complaint as the clicked message shows it.
        revision: The edit that the text is of.
    """

    complaint: str
    label: str
    actor: str
    actor_name: str
    text: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPayload(Payload):
    """Somebody said which departments are right: in review, or to correct the model.

    Attributes:
        text: The complaint as Slack still shows it; empty when that is not known.
        revision: The edit that the text is of.
    """

    complaint: str
    labels: tuple[str, ...]
    actor: str
    actor_name: str
    text: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockPayload(Payload):
    """The time of a department to take a complaint is up."""

    complaint: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPayload(Payload):
    """Posts about a complaint that Slack had refused are sent again."""

    complaint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningPayload(Payload):
    """Somebody decides about a new model."""

    retraining: int
    actor: str
    actor_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPayload(Payload):
    """A running retraining is to be looked after."""

    retraining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePayload(Payload):
    """Somebody opens the App Home."""

    user: str
