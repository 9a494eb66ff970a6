"""Settings that administrators changed in Slack; they go before the configuration file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from foreword_slack.store.tables import OverrideRow


class Overrides:
    """The changed settings of one workspace, by name."""

    def __init__(self, session: Session, team: str, now: datetime) -> None:
        self._session, self._team, self._now = session, team, now

    def all(self) -> dict[str, Any]:
        """Every changed setting's value."""
        rows = self._session.scalars(select(OverrideRow).where(OverrideRow.team == self._team))
        return {row.name: row.value["value"] for row in rows}

    def set(self, values: Mapping[str, Any], actor: str) -> None:
        """Changes settings.

        Args:
            values: By name; anything that JSON can hold. None goes back to the configuration file's.
            actor: Slack's id of who changes them.
        """
        for name, value in values.items():
            row = self._session.get(OverrideRow, (self._team, name))
            if value is None:
                if row is not None:
                    self._session.delete(row)
                continue
            if row is None:
                row = OverrideRow(team=self._team, name=name)
                self._session.add(row)
            row.value, row.actor, row.update_time = {"value": value}, actor, self._now
        self._session.flush()
