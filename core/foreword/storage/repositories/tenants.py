"""Tenants and their API keys."""

from __future__ import annotations

import hashlib
import secrets
import string
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from foreword.domain.deployment import Stage
from foreword.domain.tenant import ApiKey, Scope, Tenant, TenantState
from foreword.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError
from foreword.names import ApiKeyName, TenantName, check_id
from foreword.storage.audit.changes import note_change
from foreword.storage.database import Database
from foreword.storage.etags import resource_etag
from foreword.storage.lists.list_specs import API_KEYS, TENANTS
from foreword.storage.lists.pages import ListReader, Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.repositories.key_ids import KeyIds, key_ids
from foreword.storage.repositories.requests import NO_TENANT, RequestKey, deleted_since, find_replay, remember
from foreword.storage.tables import ApiKeyRow, SpaceRow, TenantRow
from foreword.storage.texts import check_texts

DEFAULT_SPACE = "default"
_BASE62 = string.digits + string.ascii_letters
# 43 characters out of 62 hold 256 bits.
_SECRET_LENGTH = 43


def hash_secret(secret: str) -> str:
    """Return the SHA-256 of a whole secret in hexadecimal. Compare it with `hmac.compare_digest`."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def require_tenant(session: Session, tenant: str) -> None:
    """Check that a tenant exists, so that creating a resource in a missing tenant raises a clear error.

    Raises:
        NotFoundError: The tenant does not exist.
    """
    if session.get(TenantRow, tenant) is None:
        raise NotFoundError.of(str(TenantName(tenant)), "Create it with: foreword tenants create.")


class TenantRepository:
    """All tenants, for administrators and for authentication."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_tenant(self, id: str, display_name: str = "", request: RequestKey | None = None) -> Tenant:
        """Create a tenant with its space `default`. An empty display name becomes the id.

        Raises:
            InvalidArgumentError: The id or the display name is invalid.
            AlreadyExistsError: The id is taken, or the request id was already used with other content.
        """
        check_id(id, "tenant_id")
        check_texts(display_name=display_name)
        with self._database.write("tenants") as session:
            replay = find_replay(session, NO_TENANT, request)
            if replay is not None:
                row = session.get(TenantRow, replay.resource)
                if row is None:
                    raise deleted_since(str(TenantName(replay.resource)))
                return tenant_of(row)
            taken = session.get(TenantRow, id)
            if taken is not None:
                raise _taken(taken)
            now = self._database.clock(session)
            row = _add_tenant(session, id, display_name, now)
            remember(session, NO_TENANT, request, id, now)
            return tenant_of(row)

    def ensure_tenant(self, id: str) -> Tenant:
        """Return a tenant. Create it if it does not exist.

        Raises:
            InvalidArgumentError: The id is invalid.
        """
        check_id(id, "tenant_id")
        with self._database.write("tenants") as session:
            row = session.get(TenantRow, id)
            return tenant_of(row or _add_tenant(session, id, "", self._database.clock(session)))

    def find_tenant(self, id: str) -> Tenant | None:
        """Return a tenant; None if it does not exist."""
        with self._database.read() as session:
            row = session.get(TenantRow, id)
            return None if row is None else tenant_of(row)

    def get_tenant(self, id: str) -> Tenant:
        """Return a tenant.

        Raises:
            NotFoundError: The tenant does not exist.
        """
        with self._database.read() as session:
            row = session.get(TenantRow, id)
            if row is None:
                raise NotFoundError.of(str(TenantName(id)))
            return tenant_of(row)

    def existing(self, ids: Collection[str]) -> frozenset[str]:
        """Return those of the ids that tenants have, in whatever state."""
        with self._database.read() as session:
            return frozenset(session.scalars(select(TenantRow.id).where(TenantRow.id.in_(ids))))

    def list_tenants(self, request: ListRequest = FIRST_PAGE, *, take: Take[Tenant] = take_any) -> Page[Tenant]:
        """List tenants, by default ordered by id.

        Args:
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        return ListReader(
            database=self._database, spec=TENANTS, tenant="", convert=lambda _, rows: map(tenant_of, rows)
        ).read(request, take)

    def create_api_key(
        self, tenant: str, display_name: str, scopes: Iterable[Scope], expire_time: datetime | None = None
    ) -> tuple[ApiKey, str]:
        """Create an API key.

        Returns:
            The key and its secret. The secret is not stored.

        Raises:
            NotFoundError: The tenant does not exist.
            InvalidArgumentError: There is no scope, or the expiry time is in the past.
        """
        check_texts(display_name=display_name)
        granted = frozenset(scopes)
        if not granted:
            raise InvalidArgumentError.of("api_key.scopes", "must hold at least one scope")
        ids = key_ids(self._database)
        with self._database.write_tenant(tenant) as session:
            require_tenant(session, tenant)
            now = self._database.clock(session)
            if expire_time is not None and expire_time <= now:
                raise InvalidArgumentError.of("api_key.expire_time", "must be in the future")
            return add_api_key(session, ids, tenant, display_name, granted, expire_time, now)

    def find_api_key(self, id: str) -> ApiKey | None:
        """Return the key of any tenant by its id, even if it has expired; None if it does not exist."""
        found = self.find_key_and_tenant(id)
        return None if found is None else found[0]

    def find_key_and_tenant(self, id: str) -> tuple[ApiKey, Tenant] | None:
        """Return the key of any tenant by its id, even if it has expired, and its tenant; None if there is none."""
        if not (id.isascii() and id.isprintable()):
            return None
        with self._database.read() as session:
            found = session.execute(
                select(ApiKeyRow, TenantRow).join(TenantRow, TenantRow.id == ApiKeyRow.tenant).where(ApiKeyRow.id == id)
            ).one_or_none()
            return None if found is None else (api_key_of(found[0]), tenant_of(found[1]))

    def note_uses(self, last_uses: Mapping[str, datetime]) -> None:
        """Store when keys were last used, by their ids. Keys that do not exist any more are left out."""
        with self._database.write() as session:
            for id, time in sorted(last_uses.items()):
                earlier = or_(ApiKeyRow.last_use_time.is_(None), ApiKeyRow.last_use_time < time)
                session.execute(update(ApiKeyRow).where(ApiKeyRow.id == id, earlier).values(last_use_time=time))

    def list_api_keys(
        self, tenant: str, request: ListRequest = FIRST_PAGE, *, take: Take[ApiKey] = take_any
    ) -> Page[ApiKey]:
        """List the API keys of a tenant, by default newest first.

        Args:
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            NotFoundError: The tenant does not exist.
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        return ListReader(
            database=self._database,
            spec=API_KEYS,
            tenant=tenant,
            conditions=[ApiKeyRow.tenant == tenant],
            convert=lambda _, rows: map(api_key_of, rows),
            check=lambda session: require_tenant(session, tenant),
        ).read(request, take)

    def delete_api_key(self, tenant: str, id: str) -> Sequence[str]:
        """Revoke an API key and its children.

        Returns:
            The ids of the keys that were revoked.

        Raises:
            NotFoundError: The key does not exist in the tenant.
        """
        with self._database.write_tenant(tenant) as session:
            either = or_(ApiKeyRow.id == id, ApiKeyRow.parent == id)
            gone = session.scalars(
                delete(ApiKeyRow).where(ApiKeyRow.tenant == tenant, either).returning(ApiKeyRow.id)
            ).all()
            if id not in gone:
                raise NotFoundError.of(str(ApiKeyName(tenant, id)))
            note_change(session, str(ApiKeyName(tenant, id)))
            return gone


def _taken(row: TenantRow) -> AlreadyExistsError:
    name = str(TenantName(row.id))
    if row.purge_time is None:
        return AlreadyExistsError(f"{name} already exists. Use it, or choose another id.", metadata={"resource": name})
    return AlreadyExistsError(
        f"{name} is being deleted, and its id is taken until it is purged, from {row.purge_time:%Y-%m-%d %H:%M} UTC. "
        f"Undo that with: foreword tenants undelete {row.id}. Or choose another id.",
        metadata={"resource": name},
    )


def add_api_key(
    session: Session,
    ids: KeyIds,
    tenant: str,
    display_name: str,
    scopes: Iterable[Scope],
    expire_time: datetime | None,
    now: datetime,
    *,
    parent: str | None = None,
) -> tuple[ApiKey, str]:
    """Add a key of an existing tenant. Return it and its secret."""
    random = "".join(secrets.choice(_BASE62) for _ in range(_SECRET_LENGTH))
    id = next(id for id in iter(ids.new, None) if _find(session, id) is None)
    secret = f"fw_{id}_{random}"
    row = ApiKeyRow(
        tenant=tenant,
        id=id,
        display_name=display_name,
        scopes=sorted(scope.value for scope in scopes),
        secret_sha256=hash_secret(secret),
        expire_time=expire_time,
        create_time=now,
        parent=parent,
        last_use_time=None,
    )
    session.add(row)
    return api_key_of(row), secret


def _find(session: Session, id: str) -> ApiKeyRow | None:
    return session.scalars(select(ApiKeyRow).where(ApiKeyRow.id == id)).one_or_none()


def _add_tenant(session: Session, id: str, display_name: str, now: datetime) -> TenantRow:
    row = TenantRow(
        id=id,
        display_name=display_name or id,
        create_time=now,
        state=TenantState.ACTIVE.value,
        suspend_reason="",
        change_count=0,
        update_time=now,
    )
    session.add(row)
    session.flush()  # the space refers to it
    session.add(
        SpaceRow(
            tenant=id,
            id=DEFAULT_SPACE,
            display_name=DEFAULT_SPACE,
            stage=Stage.DEVELOPMENT.value,
            description="",
            tags=[],
            policy=None,
            change_count=0,
            creator="",
            create_time=now,
            update_time=now,
        )
    )
    return row


def tenant_of(row: TenantRow) -> Tenant:
    """Return the tenant of a row."""
    return Tenant(
        id=row.id,
        display_name=row.display_name,
        state=TenantState(row.state),
        suspend_reason=row.suspend_reason,
        suspend_time=row.suspend_time,
        delete_time=row.delete_time,
        purge_time=row.purge_time,
        etag=resource_etag(row.create_time, row.change_count),
        create_time=row.create_time,
        update_time=row.update_time or row.create_time,
    )


def api_key_of(row: ApiKeyRow) -> ApiKey:
    """Return the API key of a row."""
    return ApiKey(
        id=row.id,
        tenant=row.tenant,
        display_name=row.display_name,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        secret_sha256=row.secret_sha256,
        parent=row.parent,
        expire_time=row.expire_time,
        create_time=row.create_time,
        last_use_time=row.last_use_time,
    )
