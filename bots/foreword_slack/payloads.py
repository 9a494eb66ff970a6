"""Payloads of the inbox's events, after Slack's payloads were parsed."""

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
FEEDBACK = "feedback"
FORGET = "forget"
LEARNING_STEP = "learning_step"
LEARNING_KINDS = (RETRAIN, DECLINE, PROMOTE, ROLL_BACK)
"""Kinds of the buttons about a new model; each is also the action id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The payload of an inbox row."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Create a payload from the values that `values` returned."""
        return cls(**values)

    def values(self) -> dict[str, Any]:
        """Return the values in a form that JSON supports."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePayload(Payload):
    """A new or edited complaint.

    Attributes:
        text: The text in Slack's format.
        thread_ts: Thread in which the author is notified; None if nothing may be posted there.
        asker: Person who asked to route another person's message, and gets a private reply; empty for none.
        response_url: URL that accepts private replies to this person for half an hour; empty for none.
        edit_ts: Time of the author's last edit, if the event is an edit.
        reply: Whether the message is only in a thread; it is a complaint only if a person said so.
        enclosed: Whether files or attachments came with it, so that it has content even without text.
        linked: Whether the message can be linked to; the text of a slash command cannot.
    """

    channel: str
    ts: str
    author: str
    text: str
    thread_ts: str | None = None
    asker: str = ""
    response_url: str = ""
    edit_ts: str | None = None
    reply: bool = False
    enclosed: bool = False
    linked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionPayload(Payload):
    """The deletion of a message."""

    channel: str
    ts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakePayload(Payload):
    """A click by which a person of a department takes a complaint.

    Attributes:
        text: The complaint's text in the clicked message.
        revision: Timestamp of the edit that the text belongs to.
    """

    complaint: str
    label: str
    actor: str
    actor_name: str
    text: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackPayload(Payload):
    """Something that people have said about a complaint."""

    complaint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetPayload(Payload):
    """Captured requests to delete, by their ids."""

    requests: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPayload(Payload):
    """A person's answer which departments are right, in review or as a correction.

    Attributes:
        text: The complaint's text as Slack shows it; empty if unknown.
        revision: Timestamp of the edit that the text belongs to.
    """

    complaint: str
    labels: tuple[str, ...]
    actor: str
    actor_name: str
    text: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockPayload(Payload):
    """The expiry of a department's acknowledgement clock."""

    complaint: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPayload(Payload):
    """A retry of the posts about a complaint that Slack had refused."""

    complaint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningPayload(Payload):
    """A person's decision about a new model."""

    retraining: int
    actor: str
    actor_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPayload(Payload):
    """The next step of a retraining."""

    retraining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HookPayload(Payload):
    """A call of a plugin.

    Attributes:
        plugin: Name of the plugin.
        event: The event's values.
    """

    plugin: str
    hook: str
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePayload(Payload):
    """The opening of the App Home by a person."""

    user: str
