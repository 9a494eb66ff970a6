"""Spaces of a tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from foreword.domain.deploy_policy import DeployPolicy
from foreword.domain.deployment import Space, Stage
from foreword.errors import (
    AbortedError,
    AlreadyExistsError,
    FailedPreconditionError,
    NotFoundError,
    PermissionDeniedError,
)
from foreword.names import SpaceName, check_id
from foreword.storage.codec import decode, encode
from foreword.storage.database import Database
from foreword.storage.etags import resource_etag
from foreword.storage.lists.list_specs import SPACES
from foreword.storage.lists.pages import ListReader, Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.repositories.datasets import require_dataset
from foreword.storage.repositories.requests import Replay, RequestKey, deleted_since, find_replay, remember
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
        policy: DeployPolicy | None = None,
        creator: str = "",
        request: RequestKey | None = None,
    ) -> Space:
        """Create a space. An empty display name becomes the id.

        Raises:
            InvalidArgumentError: The id or a text is invalid.
            NotFoundError: The tenant, the dataset of the policy or the space of a replayed request does not exist.
            AlreadyExistsError: The id is taken, or the request id was already used with other content.
        """
        check_id(id, "space_id")
        check_texts(display_name=display_name, description=description)
        with self._database.write_tenant(self._tenant) as session:
            replay = find_replay(session, self._tenant, request)
            if replay is not None:
                return self._replayed(session, replay)
            require_tenant(session, self._tenant)
            if session.get(SpaceRow, (self._tenant, id)) is not None:
                name = str(SpaceName(self._tenant, id))
                raise AlreadyExistsError(f"{name} already exists. Choose another id.", metadata={"resource": name})
            if policy is not None:
                require_dataset(session, self._tenant, policy.dataset)
            now = self._database.clock(session)
            row = SpaceRow(
                tenant=self._tenant,
                id=id,
                display_name=display_name or id,
                stage=stage.value,
                description=description,
                tags=list(tags),
                policy=_encoded(policy),
                change_count=0,
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

    def update(
        self,
        id: str,
        *,
        etag: str = "",
        display_name: str | None = None,
        stage: Stage | None = None,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        policy: DeployPolicy | None = None,
        removes_policy: bool = False,
        by_administrator: bool = False,
        request: RequestKey | None = None,
    ) -> Space:
        """Change the fields that are not None.

        Args:
            etag: Etag that the caller has read; if empty, it is not checked.
            removes_policy: Whether the space loses its policy.
            by_administrator: Whether the caller may change or remove a policy that is set.

        Raises:
            NotFoundError: The space or the dataset of the policy does not exist.
            AbortedError: The space has changed since the etag was read.
            PermissionDeniedError: Only an administrator may change a policy that is set.
            FailedPreconditionError: A production space would lose its policy, or a space without one would become a
                production space.
            AlreadyExistsError: The request id was already used with other content.
        """
        check_texts(display_name=display_name, description=description)
        name = str(SpaceName(self._tenant, id))
        with self._database.write_tenant(self._tenant) as session:
            replay = find_replay(session, self._tenant, request)
            if replay is not None:
                return self._replayed(session, replay)
            row = require_space(session, self._tenant, id)
            if etag and etag != resource_etag(row.create_time, row.change_count):
                raise AbortedError(
                    f"{name} has changed. Read it again and repeat the update.", metadata={"resource": name}
                )
            before = _to_space(row)
            after = None if removes_policy else policy or before.policy
            if before.policy not in (None, after) and not by_administrator:
                raise _only_for_administrators(name, "change")
            unchanged = before.policy is None and before.stage is Stage.PRODUCTION
            if after is None and (stage or before.stage) is Stage.PRODUCTION and not unchanged:
                raise FailedPreconditionError(
                    f"{name} needs a policy as a production space. Set a policy, or the stage development.",
                    reason="POLICY_REQUIRED",
                    metadata={"resource": name},
                )
            if policy is not None:
                require_dataset(session, self._tenant, policy.dataset)
            row.display_name = row.display_name if display_name is None else display_name
            row.stage = row.stage if stage is None else stage.value
            row.description = row.description if description is None else description
            row.tags = row.tags if tags is None else list(tags)
            row.policy = _encoded(after)
            row.change_count += 1
            row.update_time = now = self._database.clock(session)
            remember(session, self._tenant, request, id, now)
            return _to_space(row)

    def delete(self, id: str, *, by_administrator: bool = False) -> None:
        """Delete an empty space.

        Args:
            by_administrator: Whether the caller may delete a space with a policy; otherwise it could replace it by one
                with a weaker policy.

        Raises:
            NotFoundError: It does not exist in the tenant.
            PermissionDeniedError: Only an administrator may delete a space with a policy.
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
            if row.policy is not None and not by_administrator:
                raise _only_for_administrators(name, "delete")
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

    def find_replayed(self, request: RequestKey) -> Space | None:
        """Return the space that an earlier request with the same id made or changed; None if the request is new.

        Raises:
            NotFoundError: The space has been deleted since.
            AlreadyExistsError: The request id was already used with other content.
        """
        with self._database.read() as session:
            replay = find_replay(session, self._tenant, request)
            return None if replay is None else self._replayed(session, replay)

    def _replayed(self, session: Session, replay: Replay) -> Space:
        row = session.get(SpaceRow, (self._tenant, replay.resource))
        if row is None or not replay.made(row.create_time):
            raise deleted_since(str(SpaceName(self._tenant, replay.resource)))
        return _to_space(row)


def require_space(session: Session, tenant: str, id: str) -> SpaceRow:
    """Return the row of a space.

    Raises:
        NotFoundError: It does not exist in the tenant.
    """
    row = session.get(SpaceRow, (tenant, id))
    if row is None:
        raise NotFoundError.of(str(SpaceName(tenant, id)))
    return row


def _encoded(policy: DeployPolicy | None) -> dict[str, Any] | None:
    return None if policy is None else encode(DeployPolicy, policy, "policy")


def _to_space(row: SpaceRow) -> Space:
    return Space(
        tenant=row.tenant,
        id=row.id,
        display_name=row.display_name,
        stage=Stage(row.stage),
        description=row.description,
        tags=tuple(row.tags),
        policy=None if row.policy is None else decode(DeployPolicy, row.policy),
        etag=resource_etag(row.create_time, row.change_count),
        creator=row.creator,
        create_time=row.create_time,
        update_time=row.update_time,
    )


def _only_for_administrators(name: str, verb: str) -> PermissionDeniedError:
    return PermissionDeniedError(
        f"{name} has a policy, which only a key with the scope admin may {verb}. Ask an administrator.",
        metadata={"scope": "admin", "resource": name},
    )
