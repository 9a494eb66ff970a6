"""Settings that administrators changed in Slack, which override the configuration file."""

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
        """Return the values of all changed settings."""
        rows = self._session.scalars(select(OverrideRow).where(OverrideRow.team == self._team))
        return {row.name: row.value["value"] for row in rows}

    def set(self, values: Mapping[str, Any], actor: str) -> None:
        """Change settings.

        Args:
            values: JSON values by name. None restores the value of the configuration file.
            actor: Slack's id of the person who changes them.
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
