"""Child keys: short-lived API keys that another key creates, and that are revoked together with it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select

from foreword.domain.tenant import (
    CHILD_KEY_LIFE,
    CHILD_SCOPES,
    MAX_CHILD_KEY_LIFE,
    MAX_CHILD_KEYS,
    ApiKey,
    Scope,
)
from foreword.errors import (
    ExhaustedError,
    FailedPreconditionError,
    InvalidArgumentError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from foreword.names import TenantName
from foreword.storage.database import Database
from foreword.storage.repositories.key_ids import key_ids
from foreword.storage.repositories.tenants import add_api_key
from foreword.storage.tables import ApiKeyRow
from foreword.storage.texts import check_texts

_CLOCK_DIFFERENCE: Final = timedelta(minutes=1)
"""Time by which an expiry time may be too late, because the caller's clock may be ahead. It is cut."""


class ChildKeys:
    """The child keys of one key of a tenant.

    Args:
        parent: Id of the key that creates them.
    """

    def __init__(self, database: Database, tenant: str, parent: str) -> None:
        self._database = database
        self._tenant = tenant
        self._parent = parent

    def create(
        self,
        *,
        display_name: str = "",
        scopes: Collection[Scope] = (),
        expire_time: datetime | None = None,
        replace_oldest: bool = False,
    ) -> tuple[ApiKey, str, list[str]]:
        """Create a child key. Those that have expired are deleted.

        Args:
            scopes: Default: all scopes of the parent that a child can have.
            expire_time: Default: `CHILD_KEY_LIFE` from now, but not after the parent.
            replace_oldest: Whether the oldest child keys are revoked if there would be too many.

        Returns:
            The key, its secret, which is not stored, and the ids of the keys that were revoked.

        Raises:
            UnauthenticatedError: The parent was revoked in the meantime.
            FailedPreconditionError: The parent is a child key itself.
            PermissionDeniedError: The parent lacks a scope.
            InvalidArgumentError: A child cannot have a scope, or the expiry time is out of range.
            ExhaustedError: The parent has too many child keys.
        """
        check_texts(display_name=display_name)
        ids = key_ids(self._database)
        with self._database.write_tenant(self._tenant) as session:
            parent = session.scalars(select(ApiKeyRow).where(ApiKeyRow.id == self._parent)).one_or_none()
            if parent is None:
                raise UnauthenticatedError("The API key was revoked. Ask an administrator for a new one.")
            if parent.parent is not None:
                raise FailedPreconditionError(
                    "The API key is a child key, which cannot have child keys. Use its parent.", reason="CHILD_KEY"
                )
            now = self._database.clock(session)
            granted = _granted(scopes, frozenset(Scope(scope) for scope in parent.scopes))
            expire_time = _expiry(expire_time, parent.expire_time, now)
            of_parent = ApiKeyRow.parent == self._parent
            session.execute(delete(ApiKeyRow).where(of_parent, ApiKeyRow.expire_time <= now))
            count, first = session.execute(select(func.count(), func.min(ApiKeyRow.expire_time)).where(of_parent)).one()
            revoked: list[str] = []
            if replace_oldest and count >= MAX_CHILD_KEYS:
                by_age = select(ApiKeyRow.id).where(of_parent).order_by(ApiKeyRow.create_time, ApiKeyRow.id)
                revoked = list(session.scalars(by_age.limit(count - MAX_CHILD_KEYS + 1)))
                session.execute(delete(ApiKeyRow).where(ApiKeyRow.id.in_(revoked)))
                count -= len(revoked)
            if count >= MAX_CHILD_KEYS and first is not None:
                raise ExhaustedError(
                    f"The API key has {count} child keys, which is the limit. Use one of them, delete one, or wait "
                    "until one expires.",
                    reason="TOO_MANY_CHILD_KEYS",
                    metadata={"limit": str(MAX_CHILD_KEYS)},
                    retry_after=first - now,
                    quota=str(TenantName(self._tenant)),
                )
            key, secret = add_api_key(
                session, ids, self._tenant, display_name, granted, expire_time, now, parent=self._parent
            )
            return key, secret, revoked


def _granted(wanted: Collection[Scope], own: frozenset[Scope]) -> frozenset[Scope]:
    """Return the scopes of a child key."""
    usable = ", ".join(scope.value for scope in Scope if scope in CHILD_SCOPES)
    for scope in wanted:
        if scope not in CHILD_SCOPES:
            raise InvalidArgumentError.of("api_key.scopes", f"must be some of {usable} for a child key")
        if scope not in own:
            raise PermissionDeniedError(
                f"The key lacks the scope {scope.value}, so its child key cannot have it. Leave it out, or use a key "
                "that has it.",
                metadata={"scope": scope.value},
            )
    granted = frozenset(wanted) or own & CHILD_SCOPES
    if not granted:
        raise PermissionDeniedError(
            f"The key has none of the scopes {usable}, so it cannot have child keys. Use a key that has one.",
            metadata={"scope": Scope.INFER.value},
        )
    return granted


def _expiry(wanted: datetime | None, of_parent: datetime | None, now: datetime) -> datetime:
    """Return the expiry time of a child key."""
    latest = now + MAX_CHILD_KEY_LIFE
    limit = f"must be at most {MAX_CHILD_KEY_LIFE // timedelta(hours=1)} hours ahead"
    if of_parent is not None and of_parent < latest:
        latest, limit = of_parent, f"must not be after that of its parent, {of_parent:%Y-%m-%d %H:%M:%S} UTC"
    if wanted is None:
        return min(now + CHILD_KEY_LIFE, latest)
    if wanted <= now:
        raise InvalidArgumentError.of("api_key.expire_time", "must be in the future")
    if wanted > latest + _CLOCK_DIFFERENCE:
        raise InvalidArgumentError.of("api_key.expire_time", limit)
    return min(wanted, latest)
