"""The public keys of an issuer, fetched over HTTP and kept for a while."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import httpcore2

from foreword.domain.oidc import OidcIssuer, is_safe_url
from foreword.errors import UnavailableError
from foreword.observability.logging import get_logger

FETCH_SECONDS: Final = 5.0
"""Maximum time of a request to an issuer."""
_MIN_INTERVAL_SECONDS: Final = 30.0
"""Minimum time between two fetches, however many tokens with unknown keys arrive."""
_FRESH_SECONDS: Final = 600.0
"""Age from which keys are fetched again, beside the calls that use them."""
_MAX_AGE_SECONDS: Final = 86_400.0
"""Age from which keys are not used any more, if the issuer cannot be reached."""
_MAX_BYTES: Final = 262_144
_MAX_KEYS: Final = 100
_log = get_logger("oidc")

Jwk = Mapping[str, Any]


class _FetchError(Exception):
    """An answer of an issuer that cannot be used."""


class KeySet:
    """The keys of one issuer, on one event loop.

    An unknown key id fetches them again, because issuers rotate their keys, but at most every 30 seconds. Redirects are
    not followed.

    Args:
        clock: Clock of monotonic time in seconds.
    """

    def __init__(self, issuer: OidcIssuer, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._clock = clock
        self._keys: dict[str, Jwk] = {}
        self._unnamed: Sequence[Jwk] = ()
        self._fetched: float | None = None
        self._tried: float | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._problem = ""

    async def find(self, kid: str | None) -> Jwk | None:
        """Return the key with an id, or the only key if a token names none; None if the issuer does not have it.

        Raises:
            UnavailableError: The keys are not known, and the issuer cannot be reached.
        """
        known = self._usable(kid)
        if known is not None:
            if self._age() > _FRESH_SECONDS:
                self._begin_fetch()
            return known
        fetching = self._begin_fetch()
        if fetching is not None:
            await asyncio.shield(fetching)  # others wait for it, too
        if self._age() > _MAX_AGE_SECONDS:
            raise UnavailableError(
                f"The keys of the issuer {self._issuer.issuer} cannot be fetched. Try again later; the operator finds "
                "the cause in the service's log.",
                reason="ISSUER_UNAVAILABLE",
            )
        return self._usable(kid)

    def _usable(self, kid: str | None) -> Jwk | None:
        if self._age() > _MAX_AGE_SECONDS:
            return None
        if kid is not None:
            return self._keys.get(kid)
        every = [*self._keys.values(), *self._unnamed]
        return every[0] if len(every) == 1 else None

    def _age(self) -> float:
        return float("inf") if self._fetched is None else self._clock() - self._fetched

    def _begin_fetch(self) -> asyncio.Task[None] | None:
        """Return the running fetch. Begin one, unless the last one has just been."""
        if self._fetching is None:
            if self._tried is not None and self._clock() - self._tried < _MIN_INTERVAL_SECONDS:
                return None
            self._tried = self._clock()
            self._fetching = asyncio.get_running_loop().create_task(self._fetch(), name="oidc keys")
        return self._fetching

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS), httpcore2.AsyncConnectionPool() as pool:
                url = self._issuer.jwks_url or await self._announced_url(pool)
                self._store(await _get(pool, url))
        except (_FetchError, OSError, ValueError, TimeoutError, *_HTTP_ERRORS) as error:
            problem = str(error) or type(error).__name__
            if problem != self._problem:
                self._problem = problem
                _log.warning("oidc_keys_not_fetched", issuer=self._issuer.issuer, problem=problem[:500])
        else:
            if self._problem:
                _log.info("oidc_keys_fetched", issuer=self._issuer.issuer)
            self._problem = ""
            self._fetched = self._clock()
        finally:
            self._fetching = None

    async def _announced_url(self, pool: httpcore2.AsyncConnectionPool) -> str:
        """Return the URL of the keys from the issuer's metadata (OpenID Connect Discovery 1.0)."""
        base = self._issuer.issuer.removesuffix("/")
        found = await _get(pool, f"{base}/.well-known/openid-configuration")
        if not isinstance(found, dict) or found.get("issuer") != self._issuer.issuer:
            raise _FetchError("its metadata is that of another issuer")
        url = found.get("jwks_uri")
        if not isinstance(url, str) or not is_safe_url(url):
            raise _FetchError("its metadata has no jwks_uri with https")
        return url

    def _store(self, found: Any) -> None:
        keys = found.get("keys") if isinstance(found, dict) else None
        if not isinstance(keys, list) or len(keys) > _MAX_KEYS:
            raise _FetchError(f"its key set does not have a list of at most {_MAX_KEYS} keys")
        usable = [
            key
            for key in keys
            if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"
        ]
        self._keys = {key["kid"]: key for key in usable if isinstance(key.get("kid"), str)}
        self._unnamed = [key for key in usable if not isinstance(key.get("kid"), str)]


_HTTP_ERRORS: Final = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    httpcore2.UnsupportedProtocol,
)


async def _get(pool: httpcore2.AsyncConnectionPool, url: str) -> Any:
    """Return the JSON at a URL.

    Raises:
        ValueError: It is no JSON.
    """
    async with pool.stream("GET", url, headers={"accept": "application/json"}) as response:
        if response.status != 200:
            raise _FetchError(f"{url} answered with status {response.status}")
        body = b""
        async for part in response.aiter_stream():
            body += part
            if len(body) > _MAX_BYTES:
                raise _FetchError(f"{url} answered with more than {_MAX_BYTES:,} bytes")
    return json.loads(body)
