"""Keys of administrators that browsers have entered beside their session.

A session is a child key, which can never manage keys or tenants. So whoever does, enters a key that can. It is kept for
a quarter of an hour, in the memory of this process only, and belongs to that session.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from foreword.client import AsyncClient, Identity, Scope
from foreword.errors import PermissionDeniedError, UnauthenticatedError
from foreword.http.studio.sessions import Session, client_with, secret_of

UNLOCKED_SECONDS: Final = 900
_MOST: Final = 1_000
"""Keys that are kept; the oldest go first."""


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
        self._keys: dict[str, tuple[str, float]] = {}
        self._new: dict[str, tuple[str, str]] = {}

    def keep(self, session: str, api_key: str) -> None:
        """Keep a key for a session.

        Args:
            session: The secret of the session.
        """
        place = _place(session)
        self._keys.pop(place, None)
        self._keys[place] = (api_key, time.monotonic() + UNLOCKED_SECONDS)
        _drop_oldest(self._keys)

    def key(self, session: str) -> str | None:
        """Return the key that is kept for a session; None if there is none."""
        found, until = self._keys.get(_place(session), ("", 0.0))
        if found and time.monotonic() < until:
            return found
        self.drop(session)
        return None

    def drop(self, session: str) -> None:
        """Forget the key of a session."""
        self._keys.pop(_place(session), None)

    def keep_new(self, session: str, name: str, secret: str) -> None:
        """Keep the secret of a new key until a page of the session shows it."""
        self._new[_place(session)] = (name, secret)
        _drop_oldest(self._new)

    def take_new(self, session: str) -> tuple[str, str] | None:
        """Return the name and the secret of a new key, once."""
        return self._new.pop(_place(session), None)


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


def lock(request: Request, session: Session) -> None:
    """Forget the key of an administrator."""
    request.app.state.administrators.drop(secret_of(request, session.tenant))


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


def _drop_oldest(kept: dict[str, tuple[str, float]] | dict[str, tuple[str, str]]) -> None:
    while len(kept) > _MOST:
        del kept[next(iter(kept))]
