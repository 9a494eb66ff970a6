"""Sessions: the keys of the tenants to which a browser has signed in.

A session is a cookie with a child key that expires after half a day and is revoked with its parent. So nothing is kept
here, and a session ends within a second of the revocation of the key that it came from. A browser can have sessions of
several tenants at once; the address of a page says which one it uses.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from foreword.client import AsyncClient, Identity, Scope
from foreword.errors import FailedPreconditionError, ForewordError, PermissionDeniedError, UnauthenticatedError
from foreword.http.callers import forwarded_for

SESSION_TIME: Final = timedelta(hours=12)
_PREFIX: Final = "foreword-"
_SECURE_PREFIX: Final = "__Host-foreword-"
"""Browsers accept a cookie with this prefix only over TLS and from the host itself."""
_TENANT = re.compile(r"[a-z0-9-]{1,63}")
_VERBS: Final = frozenset(
    {"cancel", "delete", "lock", "promote", "resume", "rollback", "sign-out", "undelete", "unlock"}
)
"""Last parts of the addresses of forms that are buttons of the page before them."""
_CHILD_SCOPES: Final = (Scope.WRITE, Scope.READ, Scope.INFER)


class SignInNeededError(Exception):
    """The browser has no valid session of the tenant in the address of the page.

    Args:
        tenant: Id of the tenant.
        expired: Whether it had one.
    """

    def __init__(self, tenant: str, *, expired: bool) -> None:
        super().__init__(tenant)
        self.tenant = tenant
        self.expired = expired


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a browser may do in one tenant.

    Attributes:
        tenant: Id of the tenant.
        client: Client of the service that sends the key of the session.
        identity: The key as the service sees it.
    """

    tenant: str
    client: AsyncClient
    identity: Identity

    def may(self, scope: Scope) -> bool:
        """Return whether the key has a scope."""
        return scope in self.identity.scopes


async def session_of(request: Request) -> Session:
    """Return the session of the tenant in the address of a page, and keep it for the page of an error.

    Raises:
        SignInNeededError: There is none, or its key has expired or was revoked.
    """
    tenant: str = request.path_params["tenant"]
    secret = secret_of(request, tenant)
    if not secret or _TENANT.fullmatch(tenant) is None:
        raise SignInNeededError(tenant, expired=False)
    try:
        client = client_with(request, secret)
        identity = await client.who_am_i()
    except UnauthenticatedError:
        raise SignInNeededError(tenant, expired=True) from None
    if identity.tenant != f"tenants/{tenant}":
        raise SignInNeededError(tenant, expired=False)
    session = Session(tenant=tenant, client=client, identity=identity)
    request.state.session = session
    return session


def secret_of(request: Request, tenant: str) -> str:
    """Return the secret of the session that a browser has in a tenant; empty if it has none."""
    return request.cookies.get(_cookie(request, tenant), "")


def sign_in_address(request: Request, needed: SignInNeededError) -> str:
    """Return the path of the page on which a browser signs in, and which leads back to the page that it asked for."""
    back = request.url.path
    if request.method == "GET":
        back += f"?{request.url.query}" if request.url.query else ""
    elif (verb := back.rpartition("/")[2]) in _VERBS:
        back = back.removesuffix(f"/{verb}")
    query = {"next": back, "tenant": needed.tenant} | ({"expired": "1"} if needed.expired else {})
    return f"/sign-in?{urlencode(query)}"


def client_with(request: Request, secret: str) -> AsyncClient:
    """Return a client of the service with a key, for the browser of a request.

    Raises:
        UnauthenticatedError: The key has a form that no key has.
    """
    service: AsyncClient = request.app.state.service
    return service.for_caller(secret, forwarded_for=forwarded_for(request), request_id=request.state.request_id)


def service_address(request: Request, session: Session) -> str:
    """Return the address by which programs reach the service; it begins with `https://` if it is encrypted.

    A studio beside its service dials a socket, which programs elsewhere cannot: they use the name by which the browser
    reaches the studio, and the port of the service.
    """
    endpoint = session.client.endpoint
    if not endpoint.startswith("unix:"):
        return endpoint
    settings = request.app.state.settings
    host = request.url.hostname or "127.0.0.1"
    host = f"[{host}]" if ":" in host else host
    return f"{'https://' if settings.tls_certificate else ''}{host}:{settings.port}"


def signed_in_tenants(request: Request) -> list[str]:
    """Return the ids of the tenants of which the browser has a session, valid or not, in alphabetical order."""
    prefix = _cookie(request, "")
    names = (name.removeprefix(prefix) for name in request.cookies if name.startswith(prefix))
    return sorted(name for name in names if _TENANT.fullmatch(name))


async def begin(request: Request, secret: str, *, only: str = "") -> tuple[str, str]:
    """Return the tenant of a key, and the secret of a new session.

    Beyond the child keys that a key can have, the oldest one is replaced. The development key has none: it is known to
    everybody anyway, and is the session itself.

    Args:
        only: Id of the tenant of which the key must be; empty for any.

    Raises:
        UnauthenticatedError: The key is wrong, expired or revoked.
        PermissionDeniedError: The key has no scope that a page can use, or is that of another tenant.
    """
    client = client_with(request, secret)
    identity = await client.who_am_i()
    tenant = identity.tenant.removeprefix("tenants/")
    if only and tenant != only:
        raise PermissionDeniedError(
            f"This key belongs to the tenant {tenant}, what you have typed to {only}. Sign in with a key of {only}.",
            reason="OTHER_TENANT",
        )
    expire_time = datetime.now(UTC) + SESSION_TIME
    if identity.expire_time is not None:
        expire_time = min(expire_time, identity.expire_time)
    scopes = [scope for scope in _CHILD_SCOPES if scope in identity.scopes]
    try:
        child = await client.create_child_api_key(
            display_name="studio", scopes=scopes, expire_time=expire_time, replace_oldest=True
        )
    except FailedPreconditionError as error:
        if error.reason not in {"DEVELOPMENT_KEY", "CHILD_KEY"}:
            raise
        return tenant, secret
    return tenant, child.secret


async def end_former(request: Request, tenant: str, secret: str) -> None:
    """Revoke the key of the session that a browser had in a tenant before it got a new one."""
    former = secret_of(request, tenant)
    if not former or former == secret:
        return
    with contextlib.suppress(ForewordError):  # it has ended, or ends by itself
        client = client_with(request, former)
        identity = await client.who_am_i()
        if identity.parent_key and identity.tenant == f"tenants/{tenant}":
            await client.delete_api_key(identity.api_key)


def remember(request: Request, response: Response, tenant: str, secret: str) -> None:
    """Give a session to the browser that gets a response."""
    response.set_cookie(
        _cookie(request, tenant),
        secret,
        max_age=round(SESSION_TIME.total_seconds()),
        secure=_encrypted(request),
        httponly=True,
        samesite="lax",
    )


def forget(request: Request, response: Response, tenant: str) -> None:
    """Take the session of a tenant from the browser that gets a response."""
    response.delete_cookie(_cookie(request, tenant), secure=_encrypted(request), httponly=True, samesite="lax")


def _cookie(request: Request, tenant: str) -> str:
    return f"{_SECURE_PREFIX if _encrypted(request) else _PREFIX}{tenant}"


def _encrypted(request: Request) -> bool:
    return request.url.scheme == "https"
