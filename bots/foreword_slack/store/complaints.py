"""Complaints and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foreword_slack.store.tables import ComplaintRow


class ComplaintState(StrEnum):
    """Where a complaint stands."""

    RECEIVED = "received"  # nothing has been decided yet
    WAITING = "waiting"  # the model could not be asked; it will be again
    ROUTED = "routed"  # the model decided
    IN_REVIEW = "in_review"  # people are asked to decide
    DECIDED = "decided"  # people decided
    DUPLICATE = "duplicate"  # threaded under an earlier complaint
    DELETED = "deleted"  # its author took it back


def complaint_id(channel: str, ts: str) -> str:
    """A complaint's id within its workspace."""
    return f"{channel}:{ts}"


def parse_complaint_id(id: str) -> tuple[str, str]:
    """The channel and timestamp that an id is made of.

    Raises:
        ValueError: It is no complaint's id.
    """
    channel, colon, ts = id.partition(":")
    if not (channel and colon and ts):
        raise ValueError(f"{id!r} is no complaint's id, such as C0123:1700000000.000100")
    return channel, ts


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A complaint. Change one with `dataclasses.replace` and `Complaints.save`.

    Attributes:
        channel: Where it was written.
        ts: Slack's timestamp of the message, its id within the channel.
        author: Slack's id of who wrote it.
        text: What it says, redacted; empty when it has no words, or none that may be kept.
        model: The model that classified it; empty before.
        scores: Probability of each label, in [0, 1].
        guess: What the model said: its labels, most probable first. Never overwritten by people.
        departments: What was decided, by the model or by people.
        reasons: Why it went to review, in sentences for people; the audit has stable words.
        decider: Slack's id of who decided; None: the model.
        decider_name: How people call them.
        duplicate_of: Id of the earlier complaint that it repeats.
        signature: What near-duplicates are recognised by.
        edit_ts: Timestamp of the last edit that was taken in.
    """

    channel: str
    ts: str
    author: str
    state: ComplaintState = ComplaintState.RECEIVED
    text: str = ""
    permalink: str = ""
    thread_ts: str | None = None
    model: str = ""
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
        """Its id within its workspace."""
        return complaint_id(self.channel, self.ts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpan:
    """Between which messages a channel's complaints lie.

    Attributes:
        oldest: Timestamp of the oldest message, which somebody may have pointed at long after it was written.
        newest: Timestamp of the newest one.
        first_receive_time: When the bot heard of the first of them.
    """

    oldest: str
    newest: str
    first_receive_time: datetime


_NO_TIMESTAMP = ":"  # follows all digits; what came by a command has no timestamp of Slack's
_FIELDS = tuple(field.name for field in fields(Complaint))
_SEQUENCES = ("guess", "departments", "reasons", "signature")


class Complaints:
    """The complaints of one workspace."""

    def __init__(self, session: Session, team: str, now: datetime) -> None:
        self._session, self._team, self._now = session, team, now

    def get(self, id: str) -> Complaint | None:
        """A complaint by its id."""
        row = self._row(id)
        return None if row is None else _to_complaint(row)

    def save(self, complaint: Complaint) -> None:
        """Adds a complaint, or takes the place of what is stored under its id."""
        row = self._row(complaint.id)
        if row is None:
            row = ComplaintRow(team=self._team)
            self._session.add(row)
        for name in _FIELDS:
            value = getattr(complaint, name)
            setattr(row, name, list(value) if name in _SEQUENCES else value)
        row.text = complaint.text.replace("\0", "")  # PostgreSQL cannot keep it
        row.scores = dict(complaint.scores)
        row.state = complaint.state.value
        row.update_time = self._now
        self._session.flush()

    def latest(
        self, *, states: Sequence[ComplaintState] = (), since: datetime | None = None, limit: int = 100
    ) -> list[Complaint]:
        """Complaints, newest first.

        Args:
            states: Only those in one of these states. Default: all.
            since: Only those received at or after this time.
            limit: At most so many.
        """
        query = select(ComplaintRow).where(ComplaintRow.team == self._team)
        if states:
            query = query.where(ComplaintRow.state.in_([state.value for state in states]))
        if since is not None:
            query = query.where(ComplaintRow.receive_time >= since)
        query = query.order_by(ComplaintRow.receive_time.desc(), ComplaintRow.ts.desc()).limit(limit)
        return [_to_complaint(row) for row in self._session.scalars(query)]

    def span(self, channel: str) -> ChannelSpan | None:
        """What is known of a channel's messages that are complaints; None when there is none."""
        query = select(func.min(ComplaintRow.ts), func.max(ComplaintRow.ts), func.min(ComplaintRow.receive_time)).where(
            ComplaintRow.team == self._team, ComplaintRow.channel == channel, ComplaintRow.ts < _NO_TIMESTAMP
        )
        oldest, newest, first = self._session.execute(query).one()
        return None if oldest is None else ChannelSpan(oldest=oldest, newest=newest, first_receive_time=first)

    def timestamps(self, channel: str, since: str) -> frozenset[str]:
        """Timestamps of a channel's messages that are complaints, from `since` on."""
        query = select(ComplaintRow.ts).where(
            ComplaintRow.team == self._team, ComplaintRow.channel == channel, ComplaintRow.ts >= since
        )
        return frozenset(self._session.scalars(query))

    def counts(self, since: datetime | None = None) -> Mapping[ComplaintState, int]:
        """Complaints by state, of those received at or after `since`."""
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
