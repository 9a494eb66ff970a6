"""Spaces of a tenant."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from foreword.domain.deployment import Space, Stage
from foreword.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError
from foreword.names import SpaceName, check_id
from foreword.storage.database import Database
from foreword.storage.lists.list_specs import SPACES
from foreword.storage.lists.pages import ListReader, Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.repositories.requests import RequestKey, deleted_since, find_replay, remember
from foreword.storage.repositories.tenants import DEFAULT_SPACE, require_tenant
from foreword.storage.tables import DeploymentRow, SpaceRow
from foreword.storage.texts import check_texts


class SpaceRepository:
    """The spaces of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def create(
        self,
        id: str,
        *,
        display_name: str = "",
        stage: Stage = Stage.DEVELOPMENT,
        description: str = "",
        tags: Sequence[str] = (),
        creator: str = "",
        request: RequestKey | None = None,
    ) -> Space:
        """Create a space. An empty display name becomes the id.

        Raises:
            InvalidArgumentError: The id or a text is invalid.
            NotFoundError: The tenant or the space of a replayed request does not exist.
            AlreadyExistsError: The id is taken, or the request id was already used with other content.
        """
        check_id(id, "space_id")
        check_texts(display_name=display_name, description=description)
        with self._database.write_tenant(self._tenant) as session:
            replay = find_replay(session, self._tenant, request)
            if replay is not None:
                row = session.get(SpaceRow, (self._tenant, replay.resource))
                if row is None or not replay.made(row.create_time):
                    raise deleted_since(str(SpaceName(self._tenant, replay.resource)))
                return _to_space(row)
            require_tenant(session, self._tenant)
            if session.get(SpaceRow, (self._tenant, id)) is not None:
                name = str(SpaceName(self._tenant, id))
                raise AlreadyExistsError(f"{name} already exists. Choose another id.", metadata={"resource": name})
            now = self._database.clock(session)
            row = SpaceRow(
                tenant=self._tenant,
                id=id,
                display_name=display_name or id,
                stage=stage.value,
                description=description,
                tags=list(tags),
                creator=creator,
                create_time=now,
                update_time=now,
            )
            session.add(row)
            remember(session, self._tenant, request, id, now)
            return _to_space(row)

    def get(self, id: str) -> Space:
        """Return a space.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        with self._database.read() as session:
            return _to_space(require_space(session, self._tenant, id))

    def list(self, request: ListRequest = FIRST_PAGE, *, take: Take[Space] = take_any) -> Page[Space]:
        """List spaces, by default ordered by id.

        Args:
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        return ListReader(
            database=self._database,
            spec=SPACES,
            tenant=self._tenant,
            conditions=[SpaceRow.tenant == self._tenant],
            convert=lambda _, rows: map(_to_space, rows),
        ).read(request, take)

    def delete(self, id: str) -> None:
        """Delete an empty space.

        Raises:
            NotFoundError: It does not exist in the tenant.
            FailedPreconditionError: The space contains deployments, or it is `default`.
        """
        name = str(SpaceName(self._tenant, id))
        with self._database.write_tenant(self._tenant) as session:
            row = require_space(session, self._tenant, id)
            if id == DEFAULT_SPACE:
                raise FailedPreconditionError(
                    f"{name} cannot be deleted, because every tenant needs it. Delete another space.",
                    reason="SPACE_REQUIRED",
                    metadata={"resource": name},
                )
            held = session.scalars(
                select(DeploymentRow.id).where(DeploymentRow.tenant == self._tenant, DeploymentRow.space == id).limit(1)
            ).first()
            if held is not None:
                raise FailedPreconditionError(
                    f"{name} contains deployments. Delete them first.",
                    reason="SPACE_NOT_EMPTY",
                    metadata={"resource": name},
                )
            session.delete(row)


def require_space(session: Session, tenant: str, id: str) -> SpaceRow:
    """Return the row of a space.

    Raises:
        NotFoundError: It does not exist in the tenant.
    """
    row = session.get(SpaceRow, (tenant, id))
    if row is None:
        raise NotFoundError.of(str(SpaceName(tenant, id)))
    return row


def _to_space(row: SpaceRow) -> Space:
    return Space(
        tenant=row.tenant,
        id=row.id,
        display_name=row.display_name,
        stage=Stage(row.stage),
        description=row.description,
        tags=tuple(row.tags),
        creator=row.creator,
        create_time=row.create_time,
        update_time=row.update_time,
    )
