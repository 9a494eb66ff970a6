"""The figures of rollouts that all servers of a database count, and the decisions that follow from them."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from foreword.domain.canary_decision import CanaryDecision, decide
from foreword.domain.rollout import CanaryPlan, RolloutFigures, RolloutState
from foreword.names import DeploymentName
from foreword.storage.database import Database
from foreword.storage.repositories.rollouts import end_rollout, rollout_of, store_rollout
from foreword.storage.tables import DeploymentRow, RevisionRow


class RolloutLedger:
    """The sum of what the servers count, which they add in batches.

    Whoever adds figures also decides by the new sum, in the same transaction. Transactions of a tenant run one after
    the other, so that a rollout ends once, by the figures that its revision then shows.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, deployment: DeploymentName, revision: int, figures: RolloutFigures) -> CanaryDecision | None:
        """Add figures to a running rollout, and end it if they suffice.

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
                    DeploymentRow.candidate_revision == revision,
                    RevisionRow.number == revision,
                )
            ).first()
            if found is None:
                return None
            row, candidate = found
            rollout = rollout_of(candidate)
            if rollout.state is not RolloutState.RUNNING:
                return None
            rollout = replace(rollout, figures=rollout.figures.plus(figures))
            store_rollout(candidate, rollout)
            decision = CanaryDecision(state=RolloutState.RUNNING)
            if isinstance(rollout.plan, CanaryPlan):
                decision = decide(rollout.plan, rollout.figures)
            if decision.state.ended:
                now = self._database.clock(session)
                end_rollout(row, candidate, decision.state, decision.explanation, now)
                row.change_count += 1
                row.update_time = now
            return decision
