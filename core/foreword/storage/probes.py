"""Revisions that wait for their probe, over all tenants."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from foreword.domain.deployment import ModelReference, RevisionState
from foreword.domain.failure import Failure
from foreword.storage.codec import encode
from foreword.storage.database import Database
from foreword.storage.tables import DeploymentRow, RevisionRow

RevisionKey = tuple[int, int]
"""Identifies a revision for good: the row of its deployment and its number. Ids are given out anew after a deletion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRevision:
    """A revision to probe."""

    key: RevisionKey
    tenant: str
    deployment: str
    model: ModelReference


class ProbeQueue:
    """What is to be probed.

    A probe is cheap and changes nothing, so it needs no lease: when two probers take the same revision, the first
    answer counts.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def pending(
        self, limit: int, *, skip: Collection[RevisionKey] = (), skip_tenants: Collection[str] = ()
    ) -> list[PendingRevision]:
        """The oldest revision of each tenant that is to be probed, the oldest of all first.

        Args:
            skip: Revisions that are being probed already, or are to wait.
            skip_tenants: Tenants that have enough under way.
        """
        age = (RevisionRow.create_time, RevisionRow.deployment_key, RevisionRow.number)
        queued = (
            select(
                RevisionRow.deployment_key,
                RevisionRow.number,
                func.row_number().over(partition_by=RevisionRow.tenant, order_by=age).label("turn"),
            )
            .where(
                RevisionRow.state == RevisionState.PROBING.value,
                RevisionRow.tenant.not_in(skip_tenants),
                tuple_(RevisionRow.deployment_key, RevisionRow.number).not_in(skip),
            )
            .subquery()
        )
        with self._database.read() as session:
            found = session.execute(
                select(DeploymentRow, RevisionRow)
                .join(RevisionRow, RevisionRow.deployment_key == DeploymentRow.key)
                .join(
                    queued,
                    (queued.c.deployment_key == RevisionRow.deployment_key) & (queued.c.number == RevisionRow.number),
                )
                .where(queued.c.turn == 1)
                .order_by(*age)
                .limit(limit)
            )
            return [
                PendingRevision(
                    key=(row.key, revision.number),
                    tenant=row.tenant,
                    deployment=row.id,
                    model=ModelReference(tuned_model=revision.tuned_model, base_model=revision.base_model),
                )
                for row, revision in found
            ]

    def ready(self, tenant: str, key: RevisionKey, probe_effect: float) -> None:
        """Notes that a revision passed, and serves it unless a newer one serves or somebody rolled back meanwhile.

        Nothing happens when the revision is gone or was answered already.

        Args:
            probe_effect: Largest change of a token's log-probability, in nats; 0 for a base model.
        """
        with self._database.write_tenant(tenant) as session:
            found = _probing(session, tenant, key)
            if found is None:
                return
            row, revision = found
            revision.state = RevisionState.READY.value
            revision.probe_effect = probe_effect
            if revision.number > max(row.serving_revision, row.passed_over_revision):
                row.serving_revision = revision.number
            row.change_count += 1
            row.update_time = self._database.clock(session)

    def failed(self, tenant: str, key: RevisionKey, failure: Failure) -> None:
        """Notes that a revision did not pass; what serves goes on serving.

        Nothing happens when the revision is gone or was answered already.
        """
        with self._database.write_tenant(tenant) as session:
            found = _probing(session, tenant, key)
            if found is None:
                return
            row, revision = found
            revision.state = RevisionState.FAILED.value
            revision.failure = encode(Failure, failure, "failure")
            row.change_count += 1
            row.update_time = self._database.clock(session)


def _probing(session: Session, tenant: str, key: RevisionKey) -> tuple[DeploymentRow, RevisionRow] | None:
    found = session.execute(
        select(DeploymentRow, RevisionRow)
        .join(RevisionRow, RevisionRow.deployment_key == DeploymentRow.key)
        .where(
            RevisionRow.tenant == tenant,
            tuple_(RevisionRow.deployment_key, RevisionRow.number) == key,
            RevisionRow.state == RevisionState.PROBING.value,
        )
    ).first()
    return None if found is None else (found[0], found[1])
