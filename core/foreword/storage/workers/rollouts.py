"""The figures of rollouts that all servers of a database count, and the ends that follow from them or from the time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from foreword.domain.canary_decision import CanaryDecision, decide
from foreword.domain.rollout import CanaryPlan, Rollout, RolloutState
from foreword.domain.rollout_expiry import expiry_explanation
from foreword.domain.rollout_figures import RolloutFigures
from foreword.names import DeploymentName
from foreword.storage.audit.recording import note_system_action
from foreword.storage.database import Database
from foreword.storage.repositories.rollouts import end_rollout, rollout_of, store_rollout
from foreword.storage.tables import DeploymentRow, RevisionRow

ACTIONS: Final = {
    RolloutState.PROMOTED: "PromoteCanary",
    RolloutState.ROLLED_BACK: "RollBackCanary",
    RolloutState.EXPIRED: "EndExpiredRollout",
}
"""Names of the ends in the audit log."""
_MAX_SERVERS: Final = 256
"""Servers whose last batches are remembered. Each start of a server makes a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchId:
    """The id of a batch of figures, which counts once however often it is added.

    Attributes:
        server: Id of the server.
        number: Number of the batch. Those of a server only grow.
    """

    server: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRollout:
    """A rollout that has ended, and how."""

    deployment: DeploymentName
    revision: int
    decision: CanaryDecision


class RolloutLedger:
    """The sum of what the servers count, which they add in batches.

    Whoever adds figures also decides by the new sum, in the same transaction. Transactions of a tenant run one after
    the other, so that a rollout ends once, by the figures that its revision then shows.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, deployment: DeploymentName, revision: int, figures: RolloutFigures, batch: BatchId
    ) -> CanaryDecision | None:
        """Add figures to a running rollout, and end it if they suffice.

        Args:
            batch: Id of the figures. A batch whose commit was not confirmed can be added again.

        Returns:
            The decision; None if the rollout had ended before, so that the figures no longer count.
        """
        with self._database.write_tenant(deployment.tenant) as session:
            found = session.execute(
                select(DeploymentRow, RevisionRow)
                .join(RevisionRow, RevisionRow.deployment_key == DeploymentRow.key)
                .where(
                    DeploymentRow.tenant == deployment.tenant,
                    DeploymentRow.space == deployment.space,
                    DeploymentRow.id == deployment.deployment,
                    RevisionRow.number == revision,
                )
            ).first()
            if found is None or found[1].rollout is None:
                return None
            row, candidate = found
            rollout = rollout_of(candidate)
            if rollout.counted.get(batch.server, 0) >= batch.number:  # its commit has succeeded
                return CanaryDecision(state=rollout.state, explanation=rollout.explanation)
            if row.candidate_revision != revision or rollout.state is not RolloutState.RUNNING:
                return None
            rollout = replace(rollout, figures=rollout.figures.plus(figures), counted=_counted(rollout, batch))
            store_rollout(candidate, rollout)
            return self._decide(session, row, candidate, rollout, self._database.clock(session))

    def end_overdue(self) -> list[EndedRollout]:
        """End the rollouts whose time is over, and return them."""
        with self._database.read() as session:
            now = self._database.clock(session)
            overdue = [
                (DeploymentName(row.tenant, row.space, row.id), row.key, candidate.number)
                for row, candidate in session.execute(
                    select(DeploymentRow, RevisionRow)
                    .join(RevisionRow, RevisionRow.deployment_key == DeploymentRow.key)
                    .where(DeploymentRow.candidate_revision > 0, RevisionRow.number == DeploymentRow.candidate_revision)
                )
                if rollout_of(candidate).expire_time(candidate.create_time) <= now
            ]
        ended = []
        for name, key, number in overdue:
            with self._database.write_tenant(name.tenant) as session:
                row, candidate = session.get(DeploymentRow, key), session.get(RevisionRow, (key, number))
                if row is None or candidate is None or row.candidate_revision != number:
                    continue  # it has ended in the meantime
                now = self._database.clock(session)
                decision = self._decide(session, row, candidate, rollout_of(candidate), now)
                if decision.state.ended:
                    ended.append(EndedRollout(deployment=name, revision=number, decision=decision))
        return ended

    def _decide(
        self, session: Session, row: DeploymentRow, candidate: RevisionRow, rollout: Rollout, now: datetime
    ) -> CanaryDecision:
        """Decide about a rollout by its figures, or else by its time, and end it if it is decided."""
        decision = CanaryDecision(state=rollout.state)
        if isinstance(rollout.plan, CanaryPlan) and rollout.state is RolloutState.RUNNING:
            decision = decide(rollout.plan, rollout.figures)
        if not decision.state.ended and rollout.expire_time(candidate.create_time) <= now:
            decision = CanaryDecision(state=RolloutState.EXPIRED, explanation=expiry_explanation(rollout))
        if decision.state.ended:
            end_rollout(session, row, candidate, decision.state, decision.explanation, now)
            note_system_action(session, ACTIONS[decision.state], str(DeploymentName(row.tenant, row.space, row.id)))
            row.change_count += 1
            row.update_time = now
        return decision


def _counted(rollout: Rollout, batch: BatchId) -> dict[str, int]:
    """Return the last batches of the servers that have added figures last."""
    others = [(server, number) for server, number in rollout.counted.items() if server != batch.server]
    return dict([*others, (batch.server, batch.number)][-_MAX_SERVERS:])
