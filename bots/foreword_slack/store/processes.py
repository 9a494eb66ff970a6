"""The running bots and their facts, for other processes to show."""

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
        facts: Mode, sockets and counters of the bot.
        beat_time: Time of the last heartbeat.
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
        """Record a heartbeat of a bot and its facts."""
        row = self._session.get(ProcessRow, id)
        if row is None:
            row = ProcessRow(id=id, start_time=self._now)
            self._session.add(row)
        row.facts, row.beat_time = dict(facts), self._now
        self._session.flush()

    def leave(self, id: str) -> None:
        """Remove a bot that has stopped."""
        self._session.execute(delete(ProcessRow).where(ProcessRow.id == id))

    def all(self, silence: timedelta) -> list[BotProcess]:
        """Return the bots with a heartbeat within `silence`, oldest first."""
        rows = self._session.scalars(
            select(ProcessRow).where(ProcessRow.beat_time > self._now - silence).order_by(ProcessRow.start_time)
        )
        return [
            BotProcess(id=row.id, facts=row.facts, start_time=row.start_time, beat_time=row.beat_time) for row in rows
        ]

    def forget(self, silence: timedelta) -> None:
        """Remove the bots without a heartbeat for `silence`, which were killed."""
        self._session.execute(delete(ProcessRow).where(ProcessRow.beat_time <= self._now - silence))
