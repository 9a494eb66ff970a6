"""New models in the making: from the proposal to retrain, to the promotion of what came of it."""

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
    """Where a retraining stands."""

    PROPOSED = "proposed"  # somebody is asked
    TUNING = "tuning"
    READY = "ready"  # it beats the current model; somebody is asked to promote it
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    DECLINED = "declined"  # by people
    REJECTED = "rejected"  # it does not beat the current model
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """A retraining. Change it with `dataclasses.replace` and `Retrainings.save`.

    Attributes:
        key: Counted by the store.
        dataset: Resource name of the examples.
        experiment: Resource name of the tune experiment.
        tuned_model: Resource name of what came of it.
        metrics: What was measured on held-out rows, of the new model and the current one.
        actor: Slack's id of who decided last.
        reason: Why it ended, if it did.
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
        """Adds a retraining that somebody is asked about."""
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
        """A retraining by its key."""
        row = self._row(key)
        return None if row is None else _to_retraining(row)

    def latest(self, *, states: Sequence[RetrainingState] = (), limit: int = 20) -> list[Retraining]:
        """Retrainings, newest first.

        Args:
            states: Only those in one of these states. Default: all.
            limit: At most so many.
        """
        query = select(RetrainingRow).where(RetrainingRow.team == self._team)
        if states:
            query = query.where(RetrainingRow.state.in_([state.value for state in states]))
        return [
            _to_retraining(row) for row in self._session.scalars(query.order_by(RetrainingRow.key.desc()).limit(limit))
        ]

    def save(self, retraining: Retraining) -> None:
        """Takes the place of what is stored under its key.

        Raises:
            NotFoundError: Nothing is.
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
