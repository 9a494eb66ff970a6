"""A complaint that is being handled: its event, its message, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass

from foreword_slack.payloads import MessagePayload
from foreword_slack.store import Complaint, Event
from foreword_slack.team import Team


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A complaint that is being handled.

    Attributes:
        text: Its text as its author wrote it, for the posts; `complaint` has the redacted one.
    """

    event: Event
    team: Team
    message: MessagePayload
    complaint: Complaint
    text: str
