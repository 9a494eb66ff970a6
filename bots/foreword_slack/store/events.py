"""The inbox's rows: what happened, kept before Slack is told that it arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, case, delete, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session, aliased

from foreword.errors import LeaseLostError
from foreword_slack.store.tables import InboxRow


class EventState(StrEnum):
    """Where an event stands."""

    PENDING = "pending"
    DONE = "done"
    DEAD = "dead"  # given up; people may look at it and try again


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """Something to handle once.

    Attributes:
        team: The workspace.
        kind: What happened: the name of its handler.
        dedupe_key: Events of a team with the same key are one event.
        subject: Events of a team with the same subject are handled one at a time, in the order of `position`.
        position: Slack's time of the event in microseconds since the epoch; of a timer, when it is due, so that it
            holds up nothing that happens before.
        payload: What the handler needs; dropped once it is handled.
        due_time: Not before this time. Default: at once.
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
    """An event that was claimed: the right to handle it, while `epoch` is its row's.

    Attributes:
        attempt: Counted from 1; waiting for another event does not count.
        receive_time: When it came in.
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
    """The inbox of one workspace, as handlers see it.

    Attributes:
        added: Whether the transaction added events.
    """

    def __init__(self, session: Session, team: str, now: datetime) -> None:
        self._session, self._team, self._now = session, team, now
        self.added = False

    def add(self, event: NewEvent) -> bool:
        """Keeps an event, such as a timer; False when its key is known already."""
        assert event.team == self._team
        self.added = True
        return add_event(self._session, event, self._now)

    def done(self, event: Event) -> None:
        """Marks an event as handled and drops its payload, with everything else of the transaction.

        Raises:
            LeaseLostError: Somebody else handles it now; the transaction must not commit.
        """
        assert event.team == self._team
        row = owned_event(self._session, event)
        row.state, row.payload, row.lease_expire_time, row.finish_time = EventState.DONE.value, None, None, self._now
        self._session.flush()

    def pending(self, subject: str, kind: str) -> list[Mapping[str, Any]]:
        """Payloads of a subject's events of one kind that are still to be handled, in the order of `position`."""
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

    def withdraw(self, dedupe_key: str) -> bool:
        """Marks an event that is not being handled as done, such as a timer that is no longer needed."""
        result = self._session.execute(
            update(InboxRow)
            .where(
                InboxRow.team == self._team,
                InboxRow.dedupe_key == dedupe_key,
                InboxRow.state == EventState.PENDING.value,
                InboxRow.lease_expire_time.is_(None),
            )
            .values(state=EventState.DONE.value, payload=None, finish_time=self._now)
        )
        return _count(result) > 0


class EventQueue:
    """The inbox of all workspaces, as its workers see it."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session, self._now = session, now

    def add(self, event: NewEvent) -> bool:
        """Keeps an event; False when its key is known already."""
        return add_event(self._session, event, self._now)

    def claim(self, limit: int, lease: timedelta) -> list[Event]:
        """Takes events that are due, whose earlier ones are done and of whose subject none is being handled.

        The workspaces with the fewest events in hand come first, then the oldest events.

        Args:
            limit: At most so many.
            lease: How long they are the caller's without a renewal.
        """
        in_hand = func.sum(case((InboxRow.lease_expire_time > self._now, 1), else_=0))
        teams = self._session.execute(
            select(InboxRow.team, in_hand).where(InboxRow.state == EventState.PENDING.value).group_by(InboxRow.team)
        ).all()
        turns = [
            (in_hand + number, row.key, row)
            for team, in_hand in teams
            for number, row in enumerate(self._due(team, limit))
        ]
        rows = [row for _, _, row in sorted(turns, key=lambda turn: turn[:2])[:limit]]
        for row in rows:
            row.lease_epoch += 1
            row.attempts += 1
            row.lease_expire_time = self._now + lease
        self._session.flush()
        return [_to_event(row) for row in rows]

    def _due(self, team: str, limit: int) -> list[InboxRow]:
        """A workspace's oldest events that may be handled now."""
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
            or_(InboxRow.lease_expire_time.is_(None), InboxRow.lease_expire_time <= self._now),
            InboxRow.due_time <= self._now,
            ~blocked,
        )
        return list(self._session.scalars(query.order_by(InboxRow.key).limit(limit)))

    def renew(self, events: Sequence[Event], lease: timedelta) -> None:
        """Makes leases last longer; those that were lost stay lost."""
        for event in events:
            self._session.execute(
                update(InboxRow)
                .where(InboxRow.key == event.key, InboxRow.lease_epoch == event.epoch)
                .where(InboxRow.state == EventState.PENDING.value)
                .values(lease_expire_time=self._now + lease)
            )

    def release(self, event: Event, *, due_time: datetime, reason: str, counted: bool) -> None:
        """Gives an event back, to be handled later.

        Args:
            due_time: Not before this time.
            reason: Why, in words without anybody's text.
            counted: Whether this was an attempt that failed.

        Raises:
            LeaseLostError: Somebody else handles it now.
        """
        row = owned_event(self._session, event)
        row.lease_expire_time, row.due_time, row.reason = None, due_time, reason
        if not counted:
            row.attempts -= 1

    def is_open(self, event: Event) -> bool:
        """Whether the event is still the claimant's, and not done."""
        found = select(InboxRow.key).where(
            InboxRow.key == event.key,
            InboxRow.lease_epoch == event.epoch,
            InboxRow.state == EventState.PENDING.value,
        )
        return self._session.scalars(found).first() is not None

    def bury(self, event: Event, reason: str) -> None:
        """Gives an event up. Its payload stays, for people to look into the matter, until it is purged.

        Raises:
            LeaseLostError: Somebody else handles it now.
        """
        row = owned_event(self._session, event)
        row.state, row.reason, row.lease_expire_time, row.finish_time = EventState.DEAD.value, reason, None, self._now

    def revive(self, team: str | None = None) -> int:
        """Makes dead events pending again, of one workspace or of all; returns how many."""
        query = update(InboxRow).where(InboxRow.state == EventState.DEAD.value, InboxRow.payload.is_not(None))
        if team is not None:
            query = query.where(InboxRow.team == team)
        return _count(
            self._session.execute(
                query.values(state=EventState.PENDING.value, attempts=0, due_time=self._now, finish_time=None)
            )
        )

    def purge(self, before: datetime) -> int:
        """Deletes events that ended before a time, dead ones as well; returns how many.

        What is deleted is no longer recognised when it comes again: Slack repeats an event within hours.
        """
        ended = InboxRow.state.in_((EventState.DONE.value, EventState.DEAD.value))
        return _count(self._session.execute(delete(InboxRow).where(ended, InboxRow.finish_time < before)))

    def next_due(self) -> datetime | None:
        """When the next event is due or the next lease ends; None when nothing is pending."""
        when = func.min(func.coalesce(InboxRow.lease_expire_time, InboxRow.due_time))
        return self._session.scalars(select(when).where(InboxRow.state == EventState.PENDING.value)).one()


def add_event(session: Session, event: NewEvent, now: datetime) -> bool:
    """Inserts an event unless its key is there; safe against others who insert it at the same time."""
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
    """The event's row, locked, if the claim still holds.

    Raises:
        LeaseLostError: Somebody else handles it now, or it is done.
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
        raise LeaseLostError(f"Event {event.key} is no longer this worker's (epoch {event.epoch}). Drop what it made.")
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
