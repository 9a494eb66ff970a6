"""The caller of an HTTP request: its key, its address, the client that speaks for it, and what is held for it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from starlette.requests import Request

from foreword.client import AsyncClient
from foreword.errors import UnauthenticatedError
from foreword.redaction import redact

_MAX_KEY: Final = 7_000
"""A token of an issuer is much longer than a key."""
_MAX_FORWARDED: Final = 1_000
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def client_of(request: Request) -> AsyncClient:
    """Return the client of the service that speaks for the caller of a request.

    Raises:
        UnauthenticatedError: The key has a form that no key has.
    """
    service: AsyncClient = request.app.state.service
    return service.for_caller(
        bearer_key(request), forwarded_for=forwarded_for(request), request_id=request.state.request_id
    )


async def tenant_of(request: Request) -> str:
    """Return the tenant of the caller of a request, for which the service is asked.

    Raises:
        UnauthenticatedError: The key is missing or wrong.
    """
    return await client_of(request).tenant


def until_answered(request: Request, release: Callable[[], None]) -> None:
    """Call a function once a request is answered, with the end of its stream if the answer is one."""
    callbacks: ExitStack = request.state.until_answered
    callbacks.callback(release)


def bearer_key(request: Request) -> str:
    """Return the key of the header `Authorization: Bearer KEY`; empty without the header.

    Raises:
        UnauthenticatedError: The header has another form.
    """
    given = request.headers.getlist("authorization")
    if not given:
        return ""
    scheme, _, key = given[0].strip().partition(" ")
    key = key.strip()
    if len(given) > 1 or scheme.lower() != "bearer" or not key or len(key) > _MAX_KEY:
        raise UnauthenticatedError(
            "The header Authorization must be `Bearer KEY`, once, with an API key of this service.",
            reason="API_KEY_INVALID",
        )
    return key


def forwarded_for(request: Request) -> str:
    """Return the addresses of a caller for the service: those that a proxy has named, then the peer's own.

    The service believes the peer's address, which this process has seen, and those before it only as far as they were
    added by proxies that it trusts. So nobody gains by naming another one.
    """
    peer = request.client.host if request.client is not None else ""
    named = ",".join(request.headers.getlist("x-forwarded-for"))
    if not (named.isascii() and named.isprintable()):
        named = ""
    if len(named) > _MAX_FORWARDED:
        named = named[-_MAX_FORWARDED:].partition(",")[2]
    return ",".join(part for part in (named, peer) if part)


def new_request_id(given: str) -> str:
    """Return the id of a request: the caller's if it can be logged, or else a new one."""
    usable = _REQUEST_ID.fullmatch(given) is not None and redact(given) == given
    return given if usable else f"req_{secrets.token_hex(12)}"
