"""Authentication with API keys, their scopes and the development key."""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

from cachetools import LRUCache, TTLCache

from foreword.domain.tenant import ApiKey, Caller, Scope
from foreword.errors import NotFoundError, PermissionDeniedError, UnauthenticatedError
from foreword.server.callers.failed_keys import FailedKeys
from foreword.server.callers.scopes import NEEDS_READ, OWN_READS, SCOPES
from foreword.server.calls.interceptors import Call
from foreword.server.calls.peers import FORWARDED_FOR, Network, client_of
from foreword.server.calls.pools import READ_SECONDS
from foreword.server.calls.recent import RecentCache
from foreword.storage.repositories.key_ids import KeyIds
from foreword.storage.repositories.tenants import TenantRepository, hash_secret
from foreword.turns.turn_pool import TurnPool

DEV_KEY = "dev"
DEV_TENANT = "dev"

_MAX_AGE_SECONDS = 1.0
_SECRET: Final = re.compile(r"fw_([0-9a-f]{16})_[0-9A-Za-z]{43}")
_UNKNOWN_SECONDS: Final = 60.0
"""Time for which an id without a key is not looked up again. A new key never gets an id that was tried before: ids are
random, and a secret is shown only after its key is stored."""
_CACHED_IDS: Final = 10_000
_NO_HASH = "0" * 64
_caller: ContextVar[Caller] = ContextVar("caller")
_admit: ContextVar[Callable[[], Awaitable[Caller]]] = ContextVar("admit")


def current_caller() -> Caller:
    """Return the caller of the RPC that this task serves."""
    return _caller.get()


async def admit_again() -> None:
    """Check the caller of the current RPC again, because a key can expire during a call that lasts for days.

    Raises:
        UnauthenticatedError: The key has been revoked or has expired.
        PermissionDeniedError: The key has lost the scope.
    """
    await _admit.get()()


class Authenticator:
    """The layer that rejects an RPC unless its key has the required scope.

    Args:
        tenants: Repository of the keys; each key is looked up at most once a second.
        threads: Runs the look-ups. Clients take turns by address, because their tenant is not known yet.
        failed: Limits failures by client.
        strangers: Runs the look-ups of ids that are probably invented.
        ids: Recognises ids that are not.
        trusted_proxies: Proxies that pass on the addresses of their clients.
        dev_key: Whether `dev` is a valid key of tenant `dev`; it is not stored.
        clock: Clock of monotonic time in seconds.
        now: Returns the wall-clock time.
    """

    def __init__(
        self,
        tenants: TenantRepository,
        threads: TurnPool,
        failed: FailedKeys,
        *,
        strangers: TurnPool,
        ids: KeyIds,
        trusted_proxies: Sequence[Network] = (),
        dev_key: bool = False,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._tenants = tenants
        self._threads = threads
        self._failed = failed
        self._strangers = strangers
        self._ids = ids
        self._trusted_proxies = trusted_proxies
        self._clock = clock
        self._dev_key = dev_key
        self._now = now
        self._keys: RecentCache[str, ApiKey | None] = RecentCache(_MAX_AGE_SECONDS, clock=clock)
        # Apart from the keys, so that invented ids push out no key.
        self._unknown: TTLCache[str, bool] = TTLCache(_CACHED_IDS, _UNKNOWN_SECONDS, timer=clock)
        self._seen: LRUCache[str, bool] = LRUCache(_CACHED_IDS)

    @asynccontextmanager
    async def layer(self, call: Call) -> AsyncIterator[None]:
        """Authenticate the caller, check the scope and set `current_caller`."""
        client = client_of(call.context.peer(), call.metadata.get(FORWARDED_FOR, ""), self._trusted_proxies)
        try:
            caller = await self._admit(call, client)
        except UnauthenticatedError:
            exhausted = await self._failed.record(client, self._clock(), call.context.time_remaining())
            if exhausted is None:
                raise
            call.record.counted = True
            raise exhausted from None
        token = _caller.set(caller)
        again = _admit.set(lambda: self._admit(call, client))
        try:
            yield
        finally:
            _admit.reset(again)
            _caller.reset(token)

    async def authenticate(self, authorization: str, client: str = "") -> Caller:
        """Return the caller for an `authorization` value.

        Args:
            client: The client; see `client_of`.

        Raises:
            UnauthenticatedError: The key is missing, wrong, expired or revoked.
        """
        scheme, _, secret = authorization.partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not secret:
            raise UnauthenticatedError(
                "No API key. Send it as metadata `authorization: Bearer KEY`.", reason="API_KEY_MISSING"
            )
        if self._dev_key and hmac.compare_digest(secret.encode(), DEV_KEY.encode()):
            return Caller(tenant=DEV_TENANT, api_key="", scopes=frozenset(Scope))
        parsed = _SECRET.fullmatch(secret)
        if parsed is None:
            raise _wrong_key()
        key = await self._find(parsed[1], client)
        # Compare in every case, so that the time taken does not reveal whether the id exists.
        matches = hmac.compare_digest(hash_secret(secret), key.secret_sha256 if key is not None else _NO_HASH)
        if key is None or not matches:
            raise _wrong_key()
        if key.expire_time is not None and key.expire_time <= self._now():
            raise UnauthenticatedError(
                "The API key has expired. Ask an administrator for a new one.", reason="API_KEY_EXPIRED"
            )
        return Caller(tenant=key.tenant, api_key=key.id, scopes=key.scopes)

    def forget(self, key_id: str) -> None:
        """Drop a key that was just changed from the cache."""
        self._keys.forget(key_id)

    async def _admit(self, call: Call, client: str) -> Caller:
        """Return the caller of a call whose key has the required scope."""
        caller = await self.authenticate(call.metadata.get("authorization", ""), client)
        call.record.tenant, call.record.key_id = caller.tenant, caller.api_key
        scope = SCOPES[call.method]
        reads_own = call.method in OWN_READS and Scope.WRITE in caller.scopes
        if call.method in NEEDS_READ and Scope.READ not in caller.scopes:
            scope, reads_own = Scope.READ, False
        if scope is not None and scope not in caller.scopes and not reads_own:
            raise PermissionDeniedError(
                f"The key lacks the scope {scope.value}. Use a key that has it, or ask an administrator for one.",
                metadata={"scope": scope.value},
            )
        return caller

    async def _find(self, id: str, client: str) -> ApiKey | None:
        """Return the key with an id."""
        if id in self._unknown:
            return None
        # A client over its limit may be the address of many: ids that are not invented are still looked up.
        known = id in self._seen or self._ids.recognises(id)
        if not known and self._failed.exhausted(client, self._clock()):
            return None
        threads = self._threads if known else self._strangers
        key = await self._keys.get(id, lambda: threads.run(client, READ_SECONDS, self._tenants.find_api_key, id))
        if key is None:
            self._unknown[id] = True
            self._keys.forget(id)
        else:
            self._seen[id] = True
        return key


def _wrong_key() -> UnauthenticatedError:
    return UnauthenticatedError("The API key is wrong or was revoked. Ask an administrator for a new one.")


def require_own(tenant: str, resource: str) -> None:
    """Raise the error for a missing resource if it belongs to another tenant.

    Raises:
        NotFoundError: The caller belongs to another tenant.
    """
    if tenant != current_caller().tenant:
        raise NotFoundError.of(resource)


def require_readable(creator: str, resource: str) -> None:
    """Raise the error for a missing resource if the caller may not read it.

    Args:
        creator: Id of the API key that created the resource.

    Raises:
        NotFoundError: The caller's key lacks the scope `read` and did not create the resource.
    """
    if current_caller().reads_only_of not in (None, creator):
        raise NotFoundError.of(resource)
