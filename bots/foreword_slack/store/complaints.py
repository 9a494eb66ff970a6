"""Complaints and their states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foreword_slack.store.tables import ComplaintRow


class ComplaintState(StrEnum):
    """The state of a complaint."""

    RECEIVED = "received"  # not decided yet
    WAITING = "waiting"  # the model is unavailable, and will be called again
    ROUTED = "routed"  # the model decided
    IN_REVIEW = "in_review"  # people are asked to decide
    DECIDED = "decided"  # people decided
    DUPLICATE = "duplicate"  # added to an earlier complaint
    DELETED = "deleted"  # deleted by its author


def complaint_id(channel: str, ts: str) -> str:
    """Return the id of a complaint within its workspace."""
    return f"{channel}:{ts}"


def parse_complaint_id(id: str) -> tuple[str, str]:
    """Split the id of a complaint into channel and timestamp.

    Raises:
        ValueError: The text is not the id of a complaint.
    """
    channel, colon, ts = id.partition(":")
    if not (channel and colon and ts):
        raise ValueError(f"{id!r} is not the id of a complaint, such as C0123:1700000000.000100")
    return channel, ts


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A complaint. Change it with `dataclasses.replace` and `Complaints.save`.

    Attributes:
        channel: Channel of the message.
        ts: Slack's timestamp of the message, its id within the channel.
        author: Slack's id of the author.
        text: Redacted text; empty if there is none, or none that may be kept.
        model: Model that classified it; empty before.
        request_id: Id of the request that it answered; empty if the service gave none, or the text was edited since.
        scores: Probability of each label, in [0, 1].
        guess: Labels that the model predicted, most probable first. Never overwritten by people.
        departments: Departments chosen by the model or by people.
        reasons: Reasons for the review, as sentences for people; the audit has stable codes.
        decider: Slack's id of the person who decided; None for the model.
        decider_name: Display name of this person.
        duplicate_of: Id of the earlier complaint that it repeats.
        signature: MinHash signature, by which near-duplicates are recognised.
        edit_ts: Timestamp of the last edit that was handled.
    """

    channel: str
    ts: str
    author: str
    state: ComplaintState = ComplaintState.RECEIVED
    text: str = ""
    permalink: str = ""
    thread_ts: str | None = None
    model: str = ""
    request_id: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    guess: Sequence[str] = ()
    departments: Sequence[str] = ()
    reasons: Sequence[str] = ()
    decider: str | None = None
    decider_name: str | None = None
    duplicate_of: str | None = None
    signature: Sequence[int] = ()
    edit_ts: str | None = None
    receive_time: datetime
    decide_time: datetime | None = None
    update_time: datetime | None = None

    @property
    def id(self) -> str:
        """The id within the workspace."""
        return complaint_id(self.channel, self.ts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpan:
    """The range of a channel's complaints.

    Attributes:
        oldest: Timestamp of the oldest message, which a person may have had routed long after it was written.
        newest: Timestamp of the newest message.
        first_receive_time: Time when the bot received the first complaint.
    """

    oldest: str
    newest: str
    first_receive_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownMessage:
    """What is known of the message of a complaint.

    Attributes:
        edit_ts: Timestamp of the last edit that was handled.
        is_listed: Whether the history of its channel has it, because it is neither deleted nor only in a thread.
    """

    edit_ts: str | None
    is_listed: bool


_NO_TIMESTAMP = ":"  # sorts after all digits; complaints by a command have no timestamp of Slack
_FIELDS = tuple(field.name for field in fields(Complaint))
_SEQUENCES = ("guess", "departments", "reasons", "signature")


class Complaints:
    """The complaints of one workspace."""

    def __init__(self, session: Session, team: str, now: datetime) -> None:
        self._session, self._team, self._now = session, team, now

    def get(self, id: str) -> Complaint | None:
        """Return a complaint by its id, or None."""
        row = self._row(id)
        return None if row is None else _to_complaint(row)

    def save(self, complaint: Complaint) -> None:
        """Add or replace a complaint."""
        row = self._row(complaint.id)
        if row is None:
            row = ComplaintRow(team=self._team)
            self._session.add(row)
        for name in _FIELDS:
            value = getattr(complaint, name)
            setattr(row, name, list(value) if name in _SEQUENCES else value)
        row.text = complaint.text.replace("\0", "")  # PostgreSQL does not accept NUL
        row.scores = dict(complaint.scores)
        row.state = complaint.state.value
        row.update_time = self._now
        self._session.flush()

    def latest(
        self, *, states: Sequence[ComplaintState] = (), since: datetime | None = None, limit: int = 100
    ) -> list[Complaint]:
        """Return complaints, newest first.

        Args:
            states: Only complaints in one of these states. Default: all.
            since: Only complaints received at or after this time.
            limit: Maximum number of complaints.
        """
        query = select(ComplaintRow).where(ComplaintRow.team == self._team)
        if states:
            query = query.where(ComplaintRow.state.in_([state.value for state in states]))
        if since is not None:
            query = query.where(ComplaintRow.receive_time >= since)
        query = query.order_by(ComplaintRow.receive_time.desc(), ComplaintRow.ts.desc()).limit(limit)
        return [_to_complaint(row) for row in self._session.scalars(query)]

    def span(self, channel: str) -> ChannelSpan | None:
        """Return the range of a channel's complaints; None if there are none."""
        query = select(func.min(ComplaintRow.ts), func.max(ComplaintRow.ts), func.min(ComplaintRow.receive_time)).where(
            ComplaintRow.team == self._team, ComplaintRow.channel == channel, ComplaintRow.ts < _NO_TIMESTAMP
        )
        oldest, newest, first = self._session.execute(query).one()
        return None if oldest is None else ChannelSpan(oldest=oldest, newest=newest, first_receive_time=first)

    def known(self, channel: str, since: str) -> dict[str, KnownMessage]:
        """Return what is known of a channel's messages from `since` on, by timestamp."""
        query = select(ComplaintRow.ts, ComplaintRow.thread_ts, ComplaintRow.state, ComplaintRow.edit_ts).where(
            ComplaintRow.team == self._team,
            ComplaintRow.channel == channel,
            ComplaintRow.ts >= since,
            ComplaintRow.ts < _NO_TIMESTAMP,
        )
        return {
            ts: KnownMessage(
                edit_ts=edit_ts,
                is_listed=thread_ts in (None, ts) and state != ComplaintState.DELETED.value,
            )
            for ts, thread_ts, state, edit_ts in self._session.execute(query)
        }

    def counts(self, since: datetime | None = None) -> Mapping[ComplaintState, int]:
        """Count the complaints received at or after `since`, by state."""
        query = select(ComplaintRow.state, func.count()).where(ComplaintRow.team == self._team)
        if since is not None:
            query = query.where(ComplaintRow.receive_time >= since)
        found = {state: count for state, count in self._session.execute(query.group_by(ComplaintRow.state))}  # noqa: C416
        return {state: found.get(state.value, 0) for state in ComplaintState}

    def _row(self, id: str) -> ComplaintRow | None:
        channel, ts = parse_complaint_id(id)
        return self._session.get(ComplaintRow, (self._team, channel, ts))


def _to_complaint(row: ComplaintRow) -> Complaint:
    values = {name: getattr(row, name) for name in _FIELDS}
    values.update({name: tuple(values[name]) for name in _SEQUENCES}, state=ComplaintState(row.state))
    return Complaint(**values)
