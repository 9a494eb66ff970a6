"""Tuned models of a tenant. The queue creates them when it ends their experiment."""

from __future__ import annotations

import dataclasses
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, defer

from foreword.domain.deployment import RevisionState
from foreword.domain.experiment import TuneExperiment
from foreword.domain.report import SystemEvaluation
from foreword.domain.report_limits import limit_evaluations
from foreword.domain.resource_view import ResourceView
from foreword.domain.tags import TagChange
from foreword.domain.tuned_model import TunedModel
from foreword.errors import FailedPreconditionError, NotFoundError
from foreword.names import DeploymentName, TunedModelName
from foreword.storage.artifacts.deletions import drop_note, note_deletion
from foreword.storage.codec import decode, encode
from foreword.storage.database import Database
from foreword.storage.lists.list_specs import TUNED_MODELS
from foreword.storage.lists.pages import ListReader, Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.repositories.requests import RequestKey, deleted_since, find_replay, remember
from foreword.storage.tables import DeploymentRow, RevisionRow, TunedModelRow


class TunedModelRepository:
    """The tuned models of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def get(self, id: str) -> TunedModel:
        """Return a tuned model.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        with self._database.read() as session:
            return _to_tuned_model(_require(session, self._tenant, id))

    def list(self, request: ListRequest = FIRST_PAGE, *, take: Take[TunedModel] = take_any) -> Page[TunedModel]:
        """List tuned models, by default newest first; the basic view leaves out evaluations.

        Args:
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        full = request.view is ResourceView.FULL
        return ListReader(
            database=self._database,
            spec=TUNED_MODELS,
            tenant=self._tenant,
            conditions=[TunedModelRow.tenant == self._tenant],
            options=() if full else [defer(TunedModelRow.evaluations)],
            convert=lambda _, rows: (_to_tuned_model(row, with_evaluations=full) for row in rows),
        ).read(request, take)

    def update(self, id: str, *, tags: TagChange | None = None, request: RequestKey | None = None) -> TunedModel:
        """Change the tags of a tuned model.

        Raises:
            InvalidArgumentError: There would be too many.
            NotFoundError: It does not exist in the tenant.
            AlreadyExistsError: The request id was already used with other content.
        """
        with self._database.write_tenant(self._tenant) as session:
            replay = find_replay(session, self._tenant, request)
            if replay is not None:
                row = _find(session, self._tenant, replay.resource)
                if row is None or not replay.made(row.create_time):
                    raise deleted_since(str(TunedModelName(self._tenant, replay.resource)))
                return _to_tuned_model(row)
            row = _require(session, self._tenant, id)
            row.tags = row.tags if tags is None else tags.apply(row.tags or {})
            remember(session, self._tenant, request, id, self._database.clock(session))
            return _to_tuned_model(row)

    def delete(self, id: str) -> str:
        """Delete a tuned model.

        Returns:
            The prefix of its files in the artifact store, scheduled for deletion by `ArtifactDeletions`.

        Raises:
            NotFoundError: It does not exist in the tenant.
            FailedPreconditionError: A deployment serves it, is probing it or is rolling it out.
        """
        with self._database.write_tenant(self._tenant) as session:
            row = _require(session, self._tenant, id)
            user = session.execute(
                select(DeploymentRow.space, DeploymentRow.id)
                .join(RevisionRow, RevisionRow.deployment_key == DeploymentRow.key)
                .where(
                    RevisionRow.tenant == self._tenant,
                    RevisionRow.tuned_model == id,
                    or_(
                        RevisionRow.state == RevisionState.PROBING.value,
                        RevisionRow.number == DeploymentRow.serving_revision,
                        RevisionRow.number == DeploymentRow.candidate_revision,
                    ),
                )
                .limit(1)
            ).first()
            if user is not None:
                name = DeploymentName(self._tenant, user.space, user.id)
                raise FailedPreconditionError(
                    f"{name} serves {TunedModelName(self._tenant, id)}. Delete or update the deployment first.",
                    reason="RESOURCE_IN_USE",
                    metadata={"resource": str(TunedModelName(self._tenant, id)), "user": str(name)},
                )
            artifact = _to_tuned_model(row, with_evaluations=False).artifact
            session.delete(row)
            note_deletion(session, self._tenant, artifact, self._database.clock(session))
            return artifact


def find_start(database: Database, experiment: TuneExperiment) -> TunedModel | None:
    """Return the tuned model that a run starts from; None for another start.

    Raises:
        FailedPreconditionError: It has been deleted since the run was created.
    """
    name = experiment.plan.parameters.init_tuned_model
    if name is None:
        return None
    try:
        return TunedModelRepository(database, experiment.tenant).get(TunedModelName.parse(name).tuned_model)
    except NotFoundError as error:
        raise FailedPreconditionError(
            f"{name}, from which the run starts, has been deleted. Create the experiment again with another "
            "init_tuned_model, or without one.",
            reason="START_DELETED",
            metadata={"resource": name},
        ) from error


def add_tuned_model(session: Session, model: TunedModel, now: datetime) -> None:
    """Store a tuned model; its creation time is `now`, the database's time."""
    stored = dataclasses.replace(model, evaluations=(), tags={}, create_time=now)
    drop_note(session, model.artifact)
    session.add(
        TunedModelRow(
            tenant=model.tenant,
            id=model.id,
            manifest=encode(TunedModel, stored, "tuned_model"),
            evaluations=encode(tuple[SystemEvaluation, ...], limit_evaluations(model.evaluations), "evaluations"),
            create_time=now,
            tags=dict(model.tags),
        )
    )


def require_tuned_model(session: Session, tenant: str, id: str) -> None:
    """Check that a tuned model exists.

    Raises:
        NotFoundError: It does not exist in the tenant.
    """
    _require(session, tenant, id)


def has_tuned_model(session: Session, tenant: str, id: str) -> bool:
    """Return whether a tuned model exists."""
    return _find(session, tenant, id) is not None


def _find(session: Session, tenant: str, id: str) -> TunedModelRow | None:
    return session.scalars(
        select(TunedModelRow)
        .where(TunedModelRow.tenant == tenant, TunedModelRow.id == id)
        .options(defer(TunedModelRow.evaluations))
    ).one_or_none()


def _require(session: Session, tenant: str, id: str) -> TunedModelRow:
    row = _find(session, tenant, id)
    if row is None:
        raise NotFoundError.of(str(TunedModelName(tenant, id)))
    return row


def _to_tuned_model(row: TunedModelRow, *, with_evaluations: bool = True) -> TunedModel:
    model = decode(TunedModel, row.manifest)
    evaluations = decode(tuple[SystemEvaluation, ...], row.evaluations) if with_evaluations else ()
    return dataclasses.replace(model, evaluations=evaluations, tags=dict(row.tags or {}))
