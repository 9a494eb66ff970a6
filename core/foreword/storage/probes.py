"""Revisions that wait for their probe, over all tenants."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from foreword.domain.deployment import ModelReference, RevisionState
from foreword.domain.experiment import Failure
from foreword.storage.codec import encode
from foreword.storage.database import Database
from foreword.storage.tables import DeploymentRow, RevisionRow


class ProbeQueue:
    """What is to be probed.

    A probe is cheap and changes nothing, so it needs no lease: when two probers take the same revision, the first
    answer counts.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def pending(self, limit: int) -> list[tuple[str, str, str, int, ModelReference]]:
        """The oldest revisions to probe: tenant, space, deployment id, revision number and model."""
        with self._database.read() as session:
            found = session.execute(
                select(DeploymentRow, RevisionRow)
                .join(RevisionRow, RevisionRow.deployment_key == DeploymentRow.key)
                .where(RevisionRow.state == RevisionState.PROBING.value)
                .order_by(RevisionRow.create_time, DeploymentRow.key, RevisionRow.number)
                .limit(limit)
            )
            return [
                (
                    row.tenant,
                    row.space,
                    row.id,
                    revision.number,
                    ModelReference(tuned_model=revision.tuned_model, base_model=revision.base_model),
                )
                for row, revision in found
            ]

    def ready(self, tenant: str, space: str, id: str, number: int, probe_effect: float) -> None:
        """Notes that a revision passed, and serves it unless a newer one serves or somebody rolled back meanwhile.

        Nothing happens when the revision is gone or was answered already.

        Args:
            probe_effect: Largest change of a token's log-probability, in nats; 0 for a base model.
        """
        with self._database.write_tenant(tenant) as session:
            found = _probing(session, tenant, space, id, number)
            if found is None:
                return
            row, revision = found
            revision.state = RevisionState.READY.value
            revision.probe_effect = probe_effect
            if number > max(row.serving_revision, row.passed_over_revision):
                row.serving_revision = number
            row.change_count += 1
            row.update_time = self._database.clock(session)

    def failed(self, tenant: str, space: str, id: str, number: int, failure: Failure) -> None:
        """Notes that a revision did not pass; what serves goes on serving.

        Nothing happens when the revision is gone or was answered already.
        """
        with self._database.write_tenant(tenant) as session:
            found = _probing(session, tenant, space, id, number)
            if found is None:
                return
            row, revision = found
            revision.state = RevisionState.FAILED.value
            revision.failure = encode(Failure, failure, "failure")
            row.change_count += 1
            row.update_time = self._database.clock(session)


def _probing(
    session: Session, tenant: str, space: str, id: str, number: int
) -> tuple[DeploymentRow, RevisionRow] | None:
    found = session.execute(
        select(DeploymentRow, RevisionRow)
        .join(RevisionRow, RevisionRow.deployment_key == DeploymentRow.key)
        .where(
            DeploymentRow.tenant == tenant,
            DeploymentRow.space == space,
            DeploymentRow.id == id,
            RevisionRow.number == number,
            RevisionRow.state == RevisionState.PROBING.value,
        )
    ).first()
    return None if found is None else (found[0], found[1])
