"""Retrainings, from the proposal to the promotion of the new model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from foreword.errors import NotFoundError
from foreword_slack.store.tables import RetrainingRow


class RetrainingState(StrEnum):
    """The state of a retraining."""

    PROPOSED = "proposed"  # waiting for an administrator
    TUNING = "tuning"
    READY = "ready"  # better than the current model; waiting for an administrator to promote it
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    DECLINED = "declined"  # by people
    REJECTED = "rejected"  # not better than the current model
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """A retraining. Change it with `dataclasses.replace` and `Retrainings.save`.

    Attributes:
        key: Number assigned by the store.
        dataset: Resource name of the training dataset.
        experiment: Resource name of the tune experiment.
        tuned_model: Resource name of the new model.
        metrics: Scores of the new and the current model on held-out rows.
        actor: Slack's id of the person who decided last.
        reason: Reason of a failure.
    """

    key: int
    state: RetrainingState
    dataset: str | None = None
    experiment: str | None = None
    tuned_model: str | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    actor: str | None = None
    reason: str = ""
    create_time: datetime
    update_time: datetime


class Retrainings:
    """The retrainings of one workspace."""

    def __init__(self, session: Session, team: str, now: datetime) -> None:
        self._session, self._team, self._now = session, team, now

    def propose(self) -> Retraining:
        """Add a proposed retraining."""
        row = RetrainingRow(
            team=self._team,
            state=RetrainingState.PROPOSED.value,
            metrics={},
            reason="",
            create_time=self._now,
            update_time=self._now,
        )
        self._session.add(row)
        self._session.flush()
        return _to_retraining(row)

    def get(self, key: int) -> Retraining | None:
        """Return a retraining by its key, or None."""
        row = self._row(key)
        return None if row is None else _to_retraining(row)

    def latest(self, *, states: Sequence[RetrainingState] = (), limit: int = 20) -> list[Retraining]:
        """Return retrainings, newest first.

        Args:
            states: Only retrainings in one of these states. Default: all.
            limit: Maximum number of retrainings.
        """
        query = select(RetrainingRow).where(RetrainingRow.team == self._team)
        if states:
            query = query.where(RetrainingRow.state.in_([state.value for state in states]))
        return [
            _to_retraining(row) for row in self._session.scalars(query.order_by(RetrainingRow.key.desc()).limit(limit))
        ]

    def save(self, retraining: Retraining) -> None:
        """Replace the stored retraining with the same key.

        Raises:
            NotFoundError: There is none.
        """
        row = self._row(retraining.key)
        if row is None:
            raise NotFoundError.of(f"Retraining {retraining.key}")
        row.state, row.dataset, row.experiment = retraining.state.value, retraining.dataset, retraining.experiment
        row.tuned_model, row.metrics, row.actor = retraining.tuned_model, dict(retraining.metrics), retraining.actor
        row.reason, row.update_time = retraining.reason, self._now
        self._session.flush()

    def _row(self, key: int) -> RetrainingRow | None:
        return self._session.scalars(
            select(RetrainingRow).where(RetrainingRow.team == self._team, RetrainingRow.key == key)
        ).one_or_none()


def _to_retraining(row: RetrainingRow) -> Retraining:
    return Retraining(
        key=row.key,
        state=RetrainingState(row.state),
        dataset=row.dataset,
        experiment=row.experiment,
        tuned_model=row.tuned_model,
        metrics=row.metrics,
        actor=row.actor,
        reason=row.reason,
        create_time=row.create_time,
        update_time=row.update_time,
    )
