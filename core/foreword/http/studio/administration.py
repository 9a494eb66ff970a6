"""Keys of administrators that browsers have entered beside their session.

A session is a child key, which can never manage keys or tenants. So whoever does, enters a key that can. It is kept for
a quarter of an hour, in the memory of this process only, and belongs to that session. So does the secret of a key that
was made and whose page was not loaded.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from starlette.requests import Request

from foreword.client import AsyncClient, Identity, Scope
from foreword.errors import PermissionDeniedError, UnauthenticatedError
from foreword.http.studio.sessions import Session, client_with, secret_of

UNLOCKED_SECONDS: Final = 900
_MOST: Final = 1_000
"""Keys that are kept; the oldest go first."""


Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept(Generic[Value]):
    """What is kept until a time of the monotonic clock."""

    value: Value
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """Somebody who may manage the keys of a tenant.

    Attributes:
        client: Client of the service that sends the key of the administrator.
        identity: That key as the service sees it.
        entered: Whether it was entered beside the session, and not that of the session itself.
    """

    client: AsyncClient
    identity: Identity
    entered: bool

    @property
    def of_all_tenants(self) -> bool:
        """Whether tenants can be managed, too."""
        return Scope.ADMIN in self.identity.scopes


class Administrators:
    """The keys that were entered, and the secrets of new keys that are still to be shown."""

    def __init__(self) -> None:
        self._keys: dict[str, _Kept[str]] = {}
        self._new: dict[str, _Kept[tuple[str, str]]] = {}

    def keep(self, session: str, api_key: str) -> None:
        """Keep a key for a session.

        Args:
            session: The secret of the session.
        """
        self._put(self._keys, session, api_key)

    def key(self, session: str) -> str | None:
        """Return the key that is kept for a session; None if there is none."""
        self._forget_old()
        found = self._keys.get(_place(session))
        return None if found is None else found.value

    def drop(self, session: str) -> None:
        """Forget the key of a session."""
        self._keys.pop(_place(session), None)

    def end(self, session: str) -> None:
        """Forget all that is kept for a session."""
        self.drop(session)
        self.take_new(session)

    def keep_new(self, session: str, name: str, secret: str) -> None:
        """Keep the secret of a new key until a page of the session shows it."""
        self._put(self._new, session, (name, secret))

    def take_new(self, session: str) -> tuple[str, str] | None:
        """Return the name and the secret of a new key, once."""
        found = self._new.pop(_place(session), None)
        return None if found is None else found.value

    def _put(self, kept: dict[str, _Kept[Value]], session: str, value: Value) -> None:
        place = _place(session)
        kept.pop(place, None)
        kept[place] = _Kept(value=value, until=time.monotonic() + UNLOCKED_SECONDS)
        if len(kept) > _MOST:
            del kept[next(iter(kept))]
        asyncio.get_running_loop().call_later(UNLOCKED_SECONDS + 1, self._forget_old)

    def _forget_old(self) -> None:
        now = time.monotonic()
        self._keys = {place: item for place, item in self._keys.items() if now < item.until}
        self._new = {place: item for place, item in self._new.items() if now < item.until}


async def administrator_of(request: Request, session: Session) -> Administrator | None:
    """Return who manages keys in a session; None if its key cannot and none was entered."""
    if session.may(Scope.ADMIN) or session.may(Scope.TENANT_ADMIN):
        return Administrator(client=session.client, identity=session.identity, entered=False)
    administrators: Administrators = request.app.state.administrators
    session_secret = secret_of(request, session.tenant)
    entered = administrators.key(session_secret)
    if entered is None:
        return None
    try:
        return await _administrator(request, session, entered)
    except (UnauthenticatedError, PermissionDeniedError):  # it has ended in the meantime
        administrators.drop(session_secret)
        return None


async def unlock(request: Request, session: Session, api_key: str) -> None:
    """Keep the key of an administrator for a session.

    Raises:
        UnauthenticatedError: It is wrong, expired or revoked.
        PermissionDeniedError: It cannot manage the keys of the tenant.
    """
    await _administrator(request, session, api_key)
    request.app.state.administrators.keep(secret_of(request, session.tenant), api_key)


def lock(request: Request, tenant: str) -> None:
    """Forget the key of an administrator, and what is kept for the session of a browser in a tenant besides."""
    request.app.state.administrators.end(secret_of(request, tenant))


async def _administrator(request: Request, session: Session, api_key: str) -> Administrator:
    client = client_with(request, api_key)
    identity = await client.who_am_i()
    of_tenant = Scope.TENANT_ADMIN in identity.scopes and identity.tenant == session.identity.tenant
    if not of_tenant and Scope.ADMIN not in identity.scopes:
        raise PermissionDeniedError(
            f"This key cannot manage the keys of {session.identity.tenant}: it needs the scope `tenant_admin` there, "
            "or the scope `admin`. Enter another one.",
            reason="SCOPE_MISSING",
        )
    return Administrator(client=client, identity=identity, entered=True)


def _place(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()
