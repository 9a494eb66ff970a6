"""The audit: who and what decided, posted and changed. It only grows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from foreword_slack.store.tables import AuditRow


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One thing that was done.

    Attributes:
        action: What, in a stable word such as `routed`.
        complaint: Id of the complaint that it is about.
        actor: Slack's id of who did it; None: the bot.
        facts: Model revision, scores, departments, ...; never anybody's words.
    """

    action: str
    complaint: str | None
    actor: str | None
    facts: Mapping[str, Any]
    create_time: datetime


class Audit:
    """The audit of one workspace."""

    def __init__(self, session: Session, team: str, now: datetime) -> None:
        self._session, self._team, self._now = session, team, now

    def append(
        self,
        action: str,
        *,
        complaint: str | None = None,
        actor: str | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Adds a line, which stands or falls with the transaction."""
        self._session.add(
            AuditRow(
                team=self._team,
                action=action,
                complaint=complaint,
                actor=actor,
                facts=dict(facts or {}),
                create_time=self._now,
            )
        )

    def lines(self, *, complaint: str | None = None, limit: int = 100) -> list[AuditLine]:
        """The newest lines, oldest of them first.

        Args:
            complaint: Only those about this complaint. Default: all.
            limit: At most so many.
        """
        query = select(AuditRow).where(AuditRow.team == self._team)
        if complaint is not None:
            query = query.where(AuditRow.complaint == complaint)
        rows = self._session.scalars(query.order_by(AuditRow.key.desc()).limit(limit)).all()
        return [
            AuditLine(
                action=row.action,
                complaint=row.complaint,
                actor=row.actor,
                facts=row.facts,
                create_time=row.create_time,
            )
            for row in reversed(rows)
        ]
