"""The running bots and what they know of themselves, so that another process can show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from foreword_slack.store.tables import ProcessRow


@dataclass(frozen=True, slots=True, kw_only=True)
class BotProcess:
    """A running bot.

    Attributes:
        facts: Its mode, sockets and counters.
        beat_time: When it was last heard of.
    """

    id: str
    facts: Mapping[str, Any]
    start_time: datetime
    beat_time: datetime


class Processes:
    """All running bots on this store."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session, self._now = session, now

    def beat(self, id: str, facts: Mapping[str, Any]) -> None:
        """Says that a bot runs, and what it knows of itself."""
        row = self._session.get(ProcessRow, id)
        if row is None:
            row = ProcessRow(id=id, start_time=self._now)
            self._session.add(row)
        row.facts, row.beat_time = dict(facts), self._now
        self._session.flush()

    def leave(self, id: str) -> None:
        """Says that a bot has stopped."""
        self._session.execute(delete(ProcessRow).where(ProcessRow.id == id))

    def all(self, silence: timedelta) -> list[BotProcess]:
        """The bots that were heard of within `silence`, oldest first."""
        rows = self._session.scalars(
            select(ProcessRow).where(ProcessRow.beat_time > self._now - silence).order_by(ProcessRow.start_time)
        )
        return [
            BotProcess(id=row.id, facts=row.facts, start_time=row.start_time, beat_time=row.beat_time) for row in rows
        ]

    def forget(self, silence: timedelta) -> None:
        """Drops the bots that were not heard of for `silence`: they were killed."""
        self._session.execute(delete(ProcessRow).where(ProcessRow.beat_time <= self._now - silence))
