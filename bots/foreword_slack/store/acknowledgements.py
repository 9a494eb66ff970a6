"""Acknowledgements of complaints by departments, and their deadlines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from foreword_slack.store.tables import AcknowledgementRow


class AcknowledgementState(StrEnum):
    """The state of a department's acknowledgement of a complaint."""

    WAITING = "waiting"
    REMINDED = "reminded"
    ESCALATED = "escalated"
    TAKEN = "taken"
    WITHDRAWN = "withdrawn"  # the complaint was rerouted


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """A department's acknowledgement of a complaint. Change it with `dataclasses.replace` and `Acknowledgements.save`.

    Attributes:
        due_time: Time of the next reminder or escalation; None for never.
        actor: Slack's id of the person who took the complaint, or corrected its department.
        actor_name: Display name of this person.
    """

    complaint: str
    department: str
    state: AcknowledgementState = AcknowledgementState.WAITING
    due_time: datetime | None = None
    actor: str | None = None
    actor_name: str | None = None
    take_time: datetime | None = None


class Acknowledgements:
    """The acknowledgements of one workspace."""

    def __init__(self, session: Session, team: str, now: datetime) -> None:
        self._session, self._team, self._now = session, team, now

    def get(self, complaint: str, department: str) -> Acknowledgement | None:
        """Return a department's acknowledgement of a complaint, or None."""
        row = self._session.get(AcknowledgementRow, (self._team, complaint, department))
        return None if row is None else _to_acknowledgement(row)

    def of(self, complaint: str) -> list[Acknowledgement]:
        """Return all acknowledgements of a complaint, by department."""
        rows = self._session.scalars(
            select(AcknowledgementRow)
            .where(AcknowledgementRow.team == self._team, AcknowledgementRow.complaint == complaint)
            .order_by(AcknowledgementRow.department)
        )
        return [_to_acknowledgement(row) for row in rows]

    def save(self, acknowledgement: Acknowledgement) -> None:
        """Add or replace an acknowledgement."""
        identity = (self._team, acknowledgement.complaint, acknowledgement.department)
        row = self._session.get(AcknowledgementRow, identity)
        if row is None:
            row = AcknowledgementRow(
                team=self._team,
                complaint=acknowledgement.complaint,
                department=acknowledgement.department,
                create_time=self._now,
            )
            self._session.add(row)
        row.state, row.due_time = acknowledgement.state.value, acknowledgement.due_time
        row.actor, row.actor_name = acknowledgement.actor, acknowledgement.actor_name
        row.take_time = acknowledgement.take_time
        self._session.flush()


def _to_acknowledgement(row: AcknowledgementRow) -> Acknowledgement:
    return Acknowledgement(
        complaint=row.complaint,
        department=row.department,
        state=AcknowledgementState(row.state),
        due_time=row.due_time,
        actor=row.actor,
        actor_name=row.actor_name,
        take_time=row.take_time,
    )
