"""Revisions of deployments: their rows, and the deployments that consist of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from foreword.domain.capture import CAPTURES_NOTHING, CapturePolicy
from foreword.domain.deploy_policy import DeployVerdict
from foreword.domain.deployment import Deployment, Revision, RevisionState
from foreword.domain.failure import Failure
from foreword.domain.model_reference import ModelReference
from foreword.domain.rollout import Rollout
from foreword.storage.codec import decode, encode
from foreword.storage.etags import resource_etag
from foreword.storage.events.deployment_events import publish_verdict
from foreword.storage.tables import DeploymentRow, RevisionRow

MAX_REVISIONS = 100
"""Maximum number of revisions that are kept for a deployment."""


def etag_of(row: DeploymentRow) -> str:
    """Return the etag, which changes with every change."""
    return resource_etag(row.create_time, row.change_count)


def intended_model(row: DeploymentRow, revisions: Sequence[RevisionRow]) -> ModelReference | None:
    """Return the model that is served or will be once it passes; an update to this model makes no new revision."""
    coming = coming_revision(row, revisions)
    return served_model(row, revisions) if coming is None else model_of(coming)


def served_model(row: DeploymentRow, revisions: Sequence[RevisionRow]) -> ModelReference | None:
    """Return the model that is served; None if none is."""
    return next((model_of(item) for item in revisions if item.number == row.serving_revision), None)


def coming_revision(row: DeploymentRow, revisions: Sequence[RevisionRow]) -> RevisionRow | None:
    """Return the newest revision that is being probed and will serve if it passes; None if there is none.

    Newer ones may have failed. One that is to be rolled out does not serve at once, and so does not count.
    """
    passed = max(row.serving_revision, row.passed_over_revision)
    coming = [
        item
        for item in revisions
        if item.state == RevisionState.PROBING.value and item.number > passed and item.number != row.candidate_revision
    ]
    return max(coming, key=lambda item: item.number, default=None)


def model_of(row: RevisionRow) -> ModelReference:
    """Return the model of a revision."""
    return ModelReference(tuned_model=row.tuned_model, base_model=row.base_model)


def add_revision(
    session: Session,
    row: DeploymentRow,
    number: int,
    model: ModelReference,
    now: datetime,
    rollout: Rollout | None = None,
    verdict: DeployVerdict | None = None,
) -> RevisionRow:
    """Add a revision that waits for its probe, and publish the verdict of the policy that has accepted its model."""
    revision = RevisionRow(
        deployment_key=row.key,
        number=number,
        tenant=row.tenant,
        tuned_model=model.tuned_model,
        base_model=model.base_model,
        state=RevisionState.PROBING.value,
        failure=None,
        probe_effect=0.0,
        rollout=None if rollout is None else encode(Rollout, rollout, "rollout"),
        verdict=None if verdict is None else encode(DeployVerdict, verdict, "verdict"),
        create_time=now,
    )
    session.add(revision)
    if verdict is not None:
        publish_verdict(session, row, number, model, verdict, now)
    return revision


def drop_oldest(session: Session, row: DeploymentRow, revisions: Sequence[RevisionRow]) -> list[RevisionRow]:
    """Delete the oldest revisions above the limit, but not the one that is served, and return the others."""
    newest_first = sorted(revisions, key=lambda item: item.number, reverse=True)
    served = [item for item in newest_first if item.number == row.serving_revision]
    others = [item for item in newest_first if item.number != row.serving_revision]
    room = MAX_REVISIONS - len(served)
    for item in others[room:]:
        session.delete(item)
    return others[:room] + served


def read_revisions(session: Session, deployment_key: int) -> list[RevisionRow]:
    """Return all revisions of a deployment."""
    return list(session.scalars(select(RevisionRow).where(RevisionRow.deployment_key == deployment_key)))


def capture_of(row: DeploymentRow) -> CapturePolicy:
    """Return which requests of a deployment are captured."""
    return CAPTURES_NOTHING if row.capture is None else decode(CapturePolicy, row.capture)


def to_deployments(session: Session, rows: Sequence[DeploymentRow]) -> Iterator[Deployment]:
    """Yield deployments, whose revisions are read together."""
    revisions: dict[int, list[RevisionRow]] = {row.key: [] for row in rows}
    for revision in session.scalars(select(RevisionRow).where(RevisionRow.deployment_key.in_(revisions))):
        revisions[revision.deployment_key].append(revision)
    yield from (to_deployment(row, revisions[row.key]) for row in rows)


def to_deployment(row: DeploymentRow, revisions: Iterable[RevisionRow]) -> Deployment:
    """Return a deployment with its revisions."""
    newest_first = sorted(revisions, key=lambda item: item.number, reverse=True)
    return Deployment(
        tenant=row.tenant,
        space=row.space,
        id=row.id,
        display_name=row.display_name,
        serving_name=row.serving_name,
        description=row.description,
        tags=tuple(row.tags),
        serving_revision=row.serving_revision,
        passed_over_revision=row.passed_over_revision,
        candidate_revision=row.candidate_revision,
        capture=capture_of(row),
        revisions=tuple(
            Revision(
                number=item.number,
                model=model_of(item),
                state=RevisionState(item.state),
                failure=None if item.failure is None else decode(Failure, item.failure),
                probe_effect=item.probe_effect,
                create_time=item.create_time,
                rollout=None if item.rollout is None else decode(Rollout, item.rollout),
                verdict=None if item.verdict is None else decode(DeployVerdict, item.verdict),
            )
            for item in newest_first
        ),
        etag=etag_of(row),
        creator=row.creator,
        create_time=row.create_time,
        update_time=row.update_time,
    )
