"""The audit: an append-only log of decisions, posts and changes, and who made them."""

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
    """An action in the audit.

    Attributes:
        action: Stable name of the action, such as `routed`.
        complaint: Id of the complaint concerned, if any.
        actor: Slack's id of the person who did it; None for the bot.
        facts: Model revision, scores, departments, ...; never a person's text.
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
        """Add a line as part of the transaction."""
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
        """Return the newest lines, in order of time.

        Args:
            complaint: Only lines about this complaint. Default: all.
            limit: Maximum number of lines.
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
