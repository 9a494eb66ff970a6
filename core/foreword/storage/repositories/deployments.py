"""Deployments of a tenant and their revisions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from foreword.domain.deployment import Deployment, ModelReference, Revision, RevisionState
from foreword.domain.failure import Failure
from foreword.errors import AbortedError, AlreadyExistsError, FailedPreconditionError, NotFoundError
from foreword.names import DeploymentName, TunedModelName, check_serving_name
from foreword.storage.codec import decode
from foreword.storage.database import Database
from foreword.storage.lists.list_specs import DEPLOYMENTS
from foreword.storage.lists.pages import ListReader, Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.repositories.requests import Replay, RequestKey, deleted_since, find_replay, remember
from foreword.storage.repositories.spaces import require_space
from foreword.storage.repositories.tuned_models import has_tuned_model, require_tuned_model
from foreword.storage.tables import DeploymentRow, RevisionRow
from foreword.storage.texts import check_texts

MAX_REVISIONS = 100
"""Maximum number of revisions that are kept for a deployment."""


class DeploymentRepository:
    """The deployments of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def create(
        self,
        *,
        space: str,
        id: str,
        serving_name: str,
        model: ModelReference,
        display_name: str = "",
        description: str = "",
        tags: Sequence[str] = (),
        creator: str = "",
        request: RequestKey | None = None,
    ) -> Deployment:
        """Create a deployment with a first revision that waits for its probe.

        An empty display name becomes the serving name.

        Raises:
            InvalidArgumentError: The id, the serving name or a text is invalid.
            NotFoundError: The space, the tuned model or the resource of a replayed request does not exist.
            AlreadyExistsError: Id or serving name is taken, or the request id was already used with other content.
        """
        check_serving_name(id, "deployment_id")
        check_serving_name(serving_name, "deployment.serving_name")
        check_texts(display_name=display_name, description=description)
        with self._database.write_tenant(self._tenant) as session:
            replay = find_replay(session, self._tenant, request)
            if replay is not None:
                return self._replayed(session, replay)
            require_space(session, self._tenant, space)
            self._require_model(session, model)
            self._check_free(session, space, id, serving_name)
            now = self._database.clock(session)
            row = DeploymentRow(
                tenant=self._tenant,
                space=space,
                id=id,
                display_name=display_name or serving_name,
                serving_name=serving_name,
                description=description,
                tags=list(tags),
                serving_revision=0,
                passed_over_revision=0,
                change_count=0,
                creator=creator,
                create_time=now,
                update_time=now,
            )
            session.add(row)
            session.flush()  # assigns the key that the revision refers to
            revision = _add_revision(session, row, 1, model, now)
            remember(session, self._tenant, request, f"{space}/{id}", now)
            return _to_deployment(row, [revision])

    def get(self, space: str, id: str) -> Deployment:
        """Return a deployment.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        with self._database.read() as session:
            row = self._require(session, space, id)
            return _to_deployment(row, _read_revisions(session, row.key))

    def find(self, serving_name: str) -> Deployment:
        """Return the deployment with a serving name.

        Raises:
            InvalidArgumentError: The text is not a valid serving name.
            NotFoundError: No deployment of the tenant has this serving name.
        """
        check_serving_name(serving_name, "model")
        with self._database.read() as session:
            row = session.scalars(
                select(DeploymentRow).where(
                    DeploymentRow.tenant == self._tenant, DeploymentRow.serving_name == serving_name
                )
            ).one_or_none()
            if row is None:
                raise NotFoundError.of(f"serving name {serving_name}", "Check the name, or deploy a model under it.")
            return _to_deployment(row, _read_revisions(session, row.key))

    def list(
        self, space: str | None = None, request: ListRequest = FIRST_PAGE, *, take: Take[Deployment] = take_any
    ) -> Page[Deployment]:
        """List the deployments of one space or of all spaces, by default newest first.

        Args:
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            NotFoundError: The space does not exist in the tenant.
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        conditions = [DeploymentRow.tenant == self._tenant]
        if space is not None:
            conditions.append(DeploymentRow.space == space)

        def check(session: Session) -> None:
            if space is not None:
                require_space(session, self._tenant, space)

        return ListReader(
            database=self._database,
            spec=DEPLOYMENTS,
            tenant=self._tenant,
            parent=space or "-",
            conditions=conditions,
            convert=_to_deployments,
            check=check,
        ).read(request, take)

    def update(
        self,
        space: str,
        id: str,
        *,
        etag: str = "",
        model: ModelReference | None = None,
        display_name: str | None = None,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        request: RequestKey | None = None,
    ) -> Deployment:
        """Change the fields that are not None.

        A different model creates a new revision, which is served once it has passed its probe. The oldest revisions
        are deleted, so that at most `MAX_REVISIONS` remain.

        Args:
            etag: Etag that the caller has read; if empty, it is not checked.

        Raises:
            NotFoundError: The deployment or the tuned model does not exist.
            AbortedError: The deployment has changed since the etag was read.
            AlreadyExistsError: The request id was already used with other content.
        """
        check_texts(display_name=display_name, description=description)
        with self._database.write_tenant(self._tenant) as session:
            replay = find_replay(session, self._tenant, request)
            if replay is not None:
                return self._replayed(session, replay)
            row = self._require(session, space, id)
            if etag and etag != _etag(row):
                raise AbortedError(
                    f"{DeploymentName(self._tenant, space, id)} has changed. Read it again and repeat the update.",
                    metadata={"resource": str(DeploymentName(self._tenant, space, id))},
                )
            now = self._database.clock(session)
            revisions = _read_revisions(session, row.key)
            if model is not None and model != _intended_model(row, revisions):
                self._require_model(session, model)
                revisions.append(_add_revision(session, row, max(item.number for item in revisions) + 1, model, now))
                revisions = _drop_oldest(session, row, revisions)
            row.display_name = row.display_name if display_name is None else display_name
            row.description = row.description if description is None else description
            row.tags = row.tags if tags is None else list(tags)
            row.change_count += 1
            row.update_time = now
            remember(session, self._tenant, request, f"{space}/{id}", now)
            return _to_deployment(row, revisions)

    def rollback(self, space: str, id: str, revision: int = 0, *, request: RequestKey | None = None) -> Deployment:
        """Serve an earlier revision at once.

        Revisions that are still being probed are not served when they pass.

        Args:
            revision: Number of the revision; 0 for the newest ready one before the one that is served.

        Raises:
            NotFoundError: The deployment or the revision does not exist.
            FailedPreconditionError: The revision never passed its probe, its model was deleted, or no earlier revision
                is ready.
            AlreadyExistsError: The request id was already used with other content.
        """
        with self._database.write_tenant(self._tenant) as session:
            replay = find_replay(session, self._tenant, request)
            if replay is not None:
                return self._replayed(session, replay)
            row = self._require(session, space, id)
            revisions = _read_revisions(session, row.key)
            target = self._rollback_target(session, row, revisions, revision)
            row.serving_revision = target.number
            row.passed_over_revision = max(item.number for item in revisions)
            row.change_count += 1
            row.update_time = now = self._database.clock(session)
            remember(session, self._tenant, request, f"{space}/{id}", now)
            return _to_deployment(row, revisions)

    def delete(self, space: str, id: str) -> None:
        """Delete a deployment and release its serving name.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        with self._database.write_tenant(self._tenant) as session:
            session.delete(self._require(session, space, id))

    def _find(self, session: Session, space: str, id: str) -> DeploymentRow | None:
        return session.scalars(
            select(DeploymentRow).where(
                DeploymentRow.tenant == self._tenant, DeploymentRow.space == space, DeploymentRow.id == id
            )
        ).one_or_none()

    def _require(self, session: Session, space: str, id: str) -> DeploymentRow:
        row = self._find(session, space, id)
        if row is None:
            raise NotFoundError.of(str(DeploymentName(self._tenant, space, id)))
        return row

    def _replayed(self, session: Session, replay: Replay) -> Deployment:
        space, id = replay.resource.split("/")
        row = self._find(session, space, id)
        if row is None or not replay.made(row.create_time):
            raise deleted_since(str(DeploymentName(self._tenant, space, id)))
        return _to_deployment(row, _read_revisions(session, row.key))

    def _require_model(self, session: Session, model: ModelReference) -> None:
        assert (model.tuned_model is None) != (model.base_model is None)
        if model.tuned_model is not None:
            require_tuned_model(session, self._tenant, model.tuned_model)

    def _check_free(self, session: Session, space: str, id: str, serving_name: str) -> None:
        taken = session.scalars(
            select(DeploymentRow)
            .where(
                DeploymentRow.tenant == self._tenant,
                or_(
                    DeploymentRow.serving_name == serving_name,
                    (DeploymentRow.space == space) & (DeploymentRow.id == id),
                ),
            )
            .limit(1)
        ).first()
        if taken is None:
            return
        name = DeploymentName(self._tenant, taken.space, taken.id)
        what = f"serving name {serving_name}" if taken.serving_name == serving_name else f"id {id}"
        raise AlreadyExistsError(
            f"The {what} is taken by {name}. Update that deployment, or choose another name.",
            metadata={"resource": str(name)},
        )

    def _rollback_target(
        self, session: Session, row: DeploymentRow, revisions: Sequence[RevisionRow], number: int
    ) -> RevisionRow:
        name = DeploymentName(self._tenant, row.space, row.id)
        if number:
            target = next((item for item in revisions if item.number == number), None)
            if target is None:
                numbers = ", ".join(str(item.number) for item in sorted(revisions, key=lambda item: item.number))
                raise NotFoundError.of(f"revision {number} of {name}", f"Choose one of its revisions: {numbers}.")
            if target.state != RevisionState.READY.value:
                raise FailedPreconditionError(
                    f"Revision {number} of {name} never passed its probe. Choose a revision that is ready.",
                    reason="REVISION_NOT_READY",
                )
        else:
            ready = [
                item
                for item in revisions
                if item.state == RevisionState.READY.value and item.number < row.serving_revision
            ]
            if not ready:
                raise FailedPreconditionError(
                    f"{name} has no ready revision before the one that is served. Update the deployment to the model "
                    "that it should serve.",
                    reason="NO_EARLIER_REVISION",
                )
            target = max(ready, key=lambda item: item.number)
        if target.tuned_model is not None and not has_tuned_model(session, self._tenant, target.tuned_model):
            raise FailedPreconditionError(
                f"Revision {target.number} of {name} needs {TunedModelName(self._tenant, target.tuned_model)}, "
                "which was deleted. Choose another revision.",
                reason="MODEL_DELETED",
            )
        return target


def _etag(row: DeploymentRow) -> str:
    # The time distinguishes a deployment from a deleted one of the same name. Row numbers would tell a tenant how many
    # deployments others have.
    version = f"{row.create_time.isoformat()}/{row.change_count}"
    return hashlib.sha256(version.encode()).hexdigest()[:16]


def _intended_model(row: DeploymentRow, revisions: Sequence[RevisionRow]) -> ModelReference | None:
    """Return the model that is served or is being probed; an update to this model makes no new revision."""
    newest = max(revisions, key=lambda item: item.number)
    if newest.state == RevisionState.PROBING.value and newest.number > row.passed_over_revision:
        return _model(newest)
    return next((_model(item) for item in revisions if item.number == row.serving_revision), None)


def _model(row: RevisionRow) -> ModelReference:
    return ModelReference(tuned_model=row.tuned_model, base_model=row.base_model)


def _add_revision(
    session: Session, row: DeploymentRow, number: int, model: ModelReference, now: datetime
) -> RevisionRow:
    revision = RevisionRow(
        deployment_key=row.key,
        number=number,
        tenant=row.tenant,
        tuned_model=model.tuned_model,
        base_model=model.base_model,
        state=RevisionState.PROBING.value,
        failure=None,
        probe_effect=0.0,
        create_time=now,
    )
    session.add(revision)
    return revision


def _drop_oldest(session: Session, row: DeploymentRow, revisions: Sequence[RevisionRow]) -> list[RevisionRow]:
    """Delete the oldest revisions above the limit, but not the one that is served, and return the others."""
    newest_first = sorted(revisions, key=lambda item: item.number, reverse=True)
    served = [item for item in newest_first if item.number == row.serving_revision]
    others = [item for item in newest_first if item.number != row.serving_revision]
    room = MAX_REVISIONS - len(served)
    for item in others[room:]:
        session.delete(item)
    return others[:room] + served


def _read_revisions(session: Session, deployment_key: int) -> list[RevisionRow]:
    return list(session.scalars(select(RevisionRow).where(RevisionRow.deployment_key == deployment_key)))


def _to_deployments(session: Session, rows: Sequence[DeploymentRow]) -> Iterator[Deployment]:
    """Yield deployments, whose revisions are read together."""
    revisions: dict[int, list[RevisionRow]] = {row.key: [] for row in rows}
    for revision in session.scalars(select(RevisionRow).where(RevisionRow.deployment_key.in_(revisions))):
        revisions[revision.deployment_key].append(revision)
    yield from (_to_deployment(row, revisions[row.key]) for row in rows)


def _to_deployment(row: DeploymentRow, revisions: Iterable[RevisionRow]) -> Deployment:
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
        revisions=tuple(
            Revision(
                number=item.number,
                model=_model(item),
                state=RevisionState(item.state),
                failure=None if item.failure is None else decode(Failure, item.failure),
                probe_effect=item.probe_effect,
                create_time=item.create_time,
            )
            for item in newest_first
        ),
        etag=_etag(row),
        creator=row.creator,
        create_time=row.create_time,
        update_time=row.update_time,
    )
