"""Changes of the rollout of a revision, within a transaction that is serialised for its tenant."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from foreword.domain.rollout import Rollout, RolloutState
from foreword.storage.codec import decode, encode
from foreword.storage.events.deployment_events import publish_rollout_end
from foreword.storage.tables import DeploymentRow, RevisionRow


def rollout_of(revision: RevisionRow) -> Rollout:
    """Return the rollout of a revision, which must have one."""
    assert revision.rollout is not None
    return decode(Rollout, revision.rollout)


def store_rollout(revision: RevisionRow, rollout: Rollout) -> None:
    """Store the rollout of a revision."""
    revision.rollout = encode(Rollout, rollout, "rollout")


def start_rollout(row: DeploymentRow, revision: RevisionRow, now: datetime) -> None:
    """Start a rollout that waited for the probe."""
    running = replace(
        rollout_of(revision), state=RolloutState.RUNNING, stable_revision=row.serving_revision, start_time=now
    )
    store_rollout(revision, running)


def end_rollout(
    session: Session, row: DeploymentRow, revision: RevisionRow, state: RolloutState, explanation: str, now: datetime
) -> None:
    """End the rollout of the candidate of a deployment, and publish it. A promoted revision serves from now on.

    Args:
        explanation: Why it ends, with the figures.
    """
    assert row.candidate_revision == revision.number
    assert state.ended
    ended = replace(rollout_of(revision), state=state, explanation=explanation, end_time=now)
    store_rollout(revision, ended)
    row.candidate_revision = 0
    if state is RolloutState.PROMOTED:
        row.serving_revision = revision.number
    else:
        row.passed_over_revision = max(row.passed_over_revision, revision.number)
    publish_rollout_end(session, row, revision, ended, now)
