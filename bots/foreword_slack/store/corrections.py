"""People's answers for complaints, the training examples of the next model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from foreword_slack.store.tables import CorrectionRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A person's answer for a complaint.

    Attributes:
        complaint: Id of the complaint.
        actor: Slack's id of the person.
        input: Redacted text of the complaint.
        said: Labels that the model predicted.
        corrected: Right labels according to the person.
        model: Model that predicted.
        used_in: Name of the dataset that contains it; None if there is none yet.
    """

    complaint: str
    actor: str
    input: str
    said: Sequence[str]
    corrected: Sequence[str]
    model: str
    used_in: str | None = None
    create_time: datetime | None = None


class Corrections:
    """The corrections of one workspace."""

    def __init__(self, session: Session, team: str, now: datetime) -> None:
        self._session, self._team, self._now = session, team, now

    def save(self, correction: Correction) -> None:
        """Add a correction, or replace the earlier one of the same person for the same complaint."""
        row = self._session.scalars(
            select(CorrectionRow).where(
                CorrectionRow.team == self._team,
                CorrectionRow.complaint == correction.complaint,
                CorrectionRow.actor == correction.actor,
            )
        ).one_or_none()
        if row is None:
            row = CorrectionRow(team=self._team, complaint=correction.complaint, actor=correction.actor)
            self._session.add(row)
        row.input, row.model, row.used_in = correction.input, correction.model, correction.used_in
        row.said, row.corrected = list(correction.said), list(correction.corrected)
        row.create_time = self._now
        self._session.flush()

    def unused(self, limit: int = 10_000) -> list[Correction]:
        """Return the corrections that no dataset contains, oldest first."""
        return self._read(CorrectionRow.used_in.is_(None), limit)

    def all(self, limit: int = 100_000) -> list[Correction]:
        """Return all corrections, oldest first."""
        return self._read(True, limit)

    def mark_used(self, corrections: Sequence[Correction], dataset: str) -> None:
        """Record the dataset that contains corrections."""
        for correction in corrections:
            self._session.execute(
                update(CorrectionRow)
                .where(
                    CorrectionRow.team == self._team,
                    CorrectionRow.complaint == correction.complaint,
                    CorrectionRow.actor == correction.actor,
                )
                .values(used_in=dataset)
            )

    def _read(self, condition: object, limit: int) -> list[Correction]:
        rows = self._session.scalars(
            select(CorrectionRow)
            .where(CorrectionRow.team == self._team, condition)  # type: ignore[arg-type]
            .order_by(CorrectionRow.key)
            .limit(limit)
        )
        return [
            Correction(
                complaint=row.complaint,
                actor=row.actor,
                input=row.input,
                said=tuple(row.said),
                corrected=tuple(row.corrected),
                model=row.model,
                used_in=row.used_in,
                create_time=row.create_time,
            )
            for row in rows
        ]
