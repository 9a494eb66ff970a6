"""Rows of the inbox: events, stored before they are acknowledged to Slack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session, aliased

from foreword.errors import LeaseLostError
from foreword_slack.store.tables import InboxRow

HOOK = "hook"
"""Kind of the calls of plugins."""


class Lane(StrEnum):
    """A part of the inbox with workers of its own, so that slow plugins do not delay complaints."""

    EVENTS = "events"
    PLUGINS = "plugins"

    def condition(self) -> ColumnElement[bool]:
        """Return the condition of the rows in this lane."""
        return InboxRow.kind == HOOK if self is Lane.PLUGINS else InboxRow.kind != HOOK


class EventState(StrEnum):
    """The state of an event."""

    PENDING = "pending"
    DONE = "done"
    DEAD = "dead"  # given up; an operator may retry it


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to handle once.

    Attributes:
        team: Workspace of the event.
        kind: Kind of the event, which determines its handler.
        dedupe_key: Events of a workspace with the same key are the same event.
        subject: Events of a workspace with the same subject are handled one at a time, in the order of `position`.
        position: Slack's time of the event in microseconds since the epoch; for a timer its due time, so that it does
            not block earlier events.
        payload: Arguments of the handler; deleted once the event is handled.
        due_time: Earliest time to handle it. Default: at once.
    """

    team: str
    kind: str
    dedupe_key: str
    subject: str
    position: int
    payload: Mapping[str, Any]
    due_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A claimed event. The claim is valid while the row has the same `epoch`.

    Attributes:
        attempt: Number of the attempt, from 1; waiting for another event does not count.
        receive_time: Time when it was received.
    """

    key: int
    epoch: int
    team: str
    kind: str
    dedupe_key: str
    subject: str
    position: int
    payload: Mapping[str, Any]
    attempt: int
    receive_time: datetime


class Events:
    """The inbox of one workspace, for handlers.

    Attributes:
        added: Whether the transaction has added events.
    """

    def __init__(self, session: Session, team: str, now: datetime) -> None:
        self._session, self._team, self._now = session, team, now
        self.added = False

    def add(self, event: NewEvent) -> bool:
        """Store an event, such as a timer; return False if its key is known already."""
        assert event.team == self._team
        self.added = True
        return add_event(self._session, event, self._now)

    def done(self, event: Event) -> None:
        """Mark an event as handled and delete its payload, as part of the transaction.

        Raises:
            LeaseLostError: Another worker has claimed it; the transaction must not commit.
        """
        assert event.team == self._team
        row = owned_event(self._session, event)
        row.state, row.payload, row.lease_expire_time, row.finish_time = EventState.DONE.value, None, None, self._now
        self._session.flush()

    def pending(self, subject: str, kind: str) -> list[Mapping[str, Any]]:
        """Return the payloads of a subject's pending events of one kind, in the order of `position`."""
        rows = self._session.scalars(
            select(InboxRow)
            .where(
                InboxRow.team == self._team,
                InboxRow.subject == subject,
                InboxRow.state == EventState.PENDING.value,
                InboxRow.kind == kind,
            )
            .order_by(InboxRow.position, InboxRow.key)
        )
        return [row.payload or {} for row in rows]


class EventQueue:
    """The inbox of all workspaces, for its workers."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session, self._now = session, now

    def add(self, event: NewEvent) -> bool:
        """Store an event; return False if its key is known already."""
        return add_event(self._session, event, self._now)

    def claim(self, limit: int, lease: timedelta, lane: Lane = Lane.EVENTS) -> list[Event]:
        """Claim due events without earlier or concurrent events of the same subject.

        The workspaces with the fewest events in progress come first, then the oldest events.

        Args:
            limit: Maximum number of events.
            lease: Duration of the claim without a renewal.
            lane: Only events of this lane.
        """
        in_progress = func.sum(case((InboxRow.lease_expire_time > self._now, 1), else_=0))
        teams = self._session.execute(
            select(InboxRow.team, in_progress)
            .where(InboxRow.state == EventState.PENDING.value, lane.condition())
            .group_by(InboxRow.team)
        ).all()
        turns = [
            (in_progress + number, row.key, row)
            for team, in_progress in teams
            for number, row in enumerate(self._due(team, limit, lane))
        ]
        rows = [row for _, _, row in sorted(turns, key=lambda turn: turn[:2])[:limit]]
        for row in rows:
            row.lease_epoch += 1
            row.attempts += 1
            row.lease_expire_time = self._now + lease
        self._session.flush()
        return [_to_event(row) for row in rows]

    def _due(self, team: str, limit: int, lane: Lane) -> list[InboxRow]:
        """Return a workspace's oldest events that may be handled now."""
        other = aliased(InboxRow)
        blocked = exists().where(
            other.team == InboxRow.team,
            other.subject == InboxRow.subject,
            other.state == EventState.PENDING.value,
            other.key != InboxRow.key,
            or_(
                other.lease_expire_time > self._now,
                other.position < InboxRow.position,
                and_(other.position == InboxRow.position, other.key < InboxRow.key),
            ),
        )
        query = select(InboxRow).where(
            InboxRow.team == team,
            InboxRow.state == EventState.PENDING.value,
            lane.condition(),
            or_(InboxRow.lease_expire_time.is_(None), InboxRow.lease_expire_time <= self._now),
            InboxRow.due_time <= self._now,
            ~blocked,
        )
        return list(self._session.scalars(query.order_by(InboxRow.key).limit(limit)))

    def renew(self, events: Sequence[Event], lease: timedelta) -> None:
        """Extend leases, except those that were lost."""
        for event in events:
            self._session.execute(
                update(InboxRow)
                .where(InboxRow.key == event.key, InboxRow.lease_epoch == event.epoch)
                .where(InboxRow.state == EventState.PENDING.value)
                .values(lease_expire_time=self._now + lease)
            )

    def release(self, event: Event, *, due_time: datetime, reason: str, counted: bool) -> None:
        """Release an event, to be handled later.

        Args:
            due_time: Earliest time of the next attempt.
            reason: The reason, without quoting a person's text.
            counted: Whether this counts as a failed attempt.

        Raises:
            LeaseLostError: Another worker has claimed it.
        """
        row = owned_event(self._session, event)
        row.lease_expire_time, row.due_time, row.reason = None, due_time, reason
        if not counted:
            row.attempts -= 1

    def is_open(self, event: Event) -> bool:
        """Return whether the claim is still valid and the event not done."""
        found = select(InboxRow.key).where(
            InboxRow.key == event.key,
            InboxRow.lease_epoch == event.epoch,
            InboxRow.state == EventState.PENDING.value,
        )
        return self._session.scalars(found).first() is not None

    def bury(self, event: Event, reason: str) -> None:
        """Give an event up. Its payload is kept for an investigation until it is purged.

        Raises:
            LeaseLostError: Another worker has claimed it.
        """
        row = owned_event(self._session, event)
        row.state, row.reason, row.lease_expire_time, row.finish_time = EventState.DEAD.value, reason, None, self._now

    def revive(self, team: str | None = None) -> int:
        """Make dead events of one or all workspaces pending again; return their number."""
        query = update(InboxRow).where(InboxRow.state == EventState.DEAD.value, InboxRow.payload.is_not(None))
        if team is not None:
            query = query.where(InboxRow.team == team)
        return _count(
            self._session.execute(
                query.values(state=EventState.PENDING.value, attempts=0, due_time=self._now, finish_time=None)
            )
        )

    def purge(self, before: datetime) -> int:
        """Delete events that ended before a time, including dead ones; return their number.

        A deleted event is not recognised if it is delivered again, but Slack repeats an event only within hours.
        """
        ended = InboxRow.state.in_((EventState.DONE.value, EventState.DEAD.value))
        return _count(self._session.execute(delete(InboxRow).where(ended, InboxRow.finish_time < before)))

    def next_due(self, lane: Lane = Lane.EVENTS) -> datetime | None:
        """Return the time when the next event of a lane is due or its lease expires; None if nothing is pending."""
        when = func.min(func.coalesce(InboxRow.lease_expire_time, InboxRow.due_time))
        pending = (InboxRow.state == EventState.PENDING.value, lane.condition())
        return self._session.scalars(select(when).where(*pending)).one()


def add_event(session: Session, event: NewEvent, now: datetime) -> bool:
    """Insert an event unless its key exists; safe with concurrent inserts of the same event."""
    values = {
        "team": event.team,
        "dedupe_key": event.dedupe_key,
        "kind": event.kind,
        "subject": event.subject,
        "position": event.position,
        "payload": dict(event.payload),
        "state": EventState.PENDING.value,
        "attempts": 0,
        "reason": "",
        "due_time": event.due_time or now,
        "lease_epoch": 0,
        "receive_time": now,
    }
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(InboxRow).values(**values).on_conflict_do_nothing(index_elements=["team", "dedupe_key"])
    return session.execute(statement.returning(InboxRow.key)).first() is not None


def owned_event(session: Session, event: Event) -> InboxRow:
    """Return the event's row, locked, if the claim is still valid.

    Raises:
        LeaseLostError: Another worker has claimed it, or it is done.
    """
    row = session.scalars(
        select(InboxRow)
        .where(
            InboxRow.key == event.key,
            InboxRow.team == event.team,
            InboxRow.lease_epoch == event.epoch,
            InboxRow.state == EventState.PENDING.value,
        )
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise LeaseLostError(
            f"Event {event.key} is no longer claimed by this worker (epoch {event.epoch}). Discard its results."
        )
    return row


def _to_event(row: InboxRow) -> Event:
    return Event(
        key=row.key,
        epoch=row.lease_epoch,
        team=row.team,
        kind=row.kind,
        dedupe_key=row.dedupe_key,
        subject=row.subject,
        position=row.position,
        payload=row.payload or {},
        attempt=row.attempts,
        receive_time=row.receive_time,
    )


def _count(result: Any) -> int:
    assert isinstance(result, CursorResult)
    return int(result.rowcount)
