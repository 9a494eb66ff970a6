"""The queue of revisions that wait for their probe, for all tenants."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from foreword.domain.deployment import RevisionState
from foreword.domain.failure import Failure
from foreword.domain.model_reference import ModelReference
from foreword.domain.rollout import RolloutState
from foreword.storage.active_tenants import of_active_tenant
from foreword.storage.codec import encode
from foreword.storage.database import Database
from foreword.storage.repositories.rollouts import end_rollout, start_rollout
from foreword.storage.tables import DeploymentRow, RevisionRow

RevisionKey = tuple[int, int]
"""Permanent key of a revision: the row of its deployment and its number. Ids can be reused after a deletion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRevision:
    """A revision to probe."""

    key: RevisionKey
    tenant: str
    deployment: str
    model: ModelReference


class ProbeQueue:
    """The revisions that wait for their probe.

    A probe is cheap and has no side effects, so it needs no lease: if two probers take the same revision, the first
    result counts.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def pending(
        self, limit: int, *, skip: Collection[RevisionKey] = (), skip_tenants: Collection[str] = ()
    ) -> list[PendingRevision]:
        """Return the oldest waiting revision of each active tenant, oldest first.

        Args:
            skip: Revisions that are being probed or have to wait.
            skip_tenants: Tenants with enough running probes.
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
                of_active_tenant(RevisionRow.tenant),
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
        """Record that a revision passed.

        Its rollout starts, if it has one; otherwise it is served, unless a newer one is or is being rolled out, or the
        deployment was rolled back.

        It has no effect if the revision was deleted or already has a result.

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
            row.update_time = now = self._database.clock(session)
            if revision.rollout is not None:
                if revision.number == row.candidate_revision:
                    start_rollout(row, revision, now)
            elif revision.number > max(row.serving_revision, row.passed_over_revision, row.candidate_revision):
                row.serving_revision = revision.number
            row.change_count += 1

    def failed(self, tenant: str, key: RevisionKey, failure: Failure) -> None:
        """Record that a revision did not pass. The current revision stays served.

        It has no effect if the revision was deleted or already has a result.
        """
        with self._database.write_tenant(tenant) as session:
            found = _probing(session, tenant, key)
            if found is None:
                return
            row, revision = found
            revision.state = RevisionState.FAILED.value
            revision.failure = encode(Failure, failure, "failure")
            row.update_time = now = self._database.clock(session)
            if revision.number == row.candidate_revision:
                end_rollout(session, row, revision, RolloutState.ROLLED_BACK, "It did not pass its probe.", now)
            row.change_count += 1


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
