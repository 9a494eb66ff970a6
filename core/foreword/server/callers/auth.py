"""Authentication with API keys, their scopes, the development key, tokens and certificates."""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cachetools import LRUCache, TTLCache

from foreword.addresses import Network
from foreword.domain.tenant import ApiKey, Caller, Scope, Tenant, TenantState
from foreword.errors import NotFoundError, PermissionDeniedError, UnauthenticatedError
from foreword.names import TenantName
from foreword.server.callers.certificates import ClientCertificates, KnownCertificate
from foreword.server.callers.failed_keys import FailedKeys
from foreword.server.callers.last_uses import LastUses
from foreword.server.callers.open_calls import OpenCalls
from foreword.server.callers.scopes import NEEDS_READ, ON_OWN_KEYS, OWN_READS, READ_FOR_INFERENCE, SCOPES
from foreword.server.calls.interceptors import Call
from foreword.server.calls.peers import FORWARDED_FOR, client_of
from foreword.server.calls.pools import READ_SECONDS
from foreword.server.calls.recent import RecentCache
from foreword.storage.repositories.key_ids import KeyIds
from foreword.storage.repositories.tenants import TenantRepository, hash_secret
from foreword.turns.turn_pool import TurnPool

if TYPE_CHECKING:  # it needs PyJWT
    from foreword.server.callers.tokens.verifier import TokenVerifier

DEV_KEY = "dev"
DEV_TENANT = "dev"

_MAX_AGE_SECONDS: Final = 0.7
"""Maximum age of a look-up. Running calls are checked four times a second, so they too end within a second."""
_SECRET: Final = re.compile(r"fw_([0-9a-f]{16})_[0-9A-Za-z]{43}")
_UNKNOWN_SECONDS: Final = 60.0
"""Time for which an id without a key is not looked up again. A new key never gets an id that was tried before: ids are
random, and a secret is shown only after its key is stored."""
_CACHED_IDS: Final = 10_000
_NO_HASH = "0" * 64
_TOKEN_DOTS: Final = 2
"""Dots of a signed token. No key has any."""
_caller: ContextVar[Caller] = ContextVar("caller")


def current_caller() -> Caller:
    """Return the caller of the RPC that this task serves."""
    return _caller.get()


class Authenticator:
    """The layer that rejects an RPC unless its key has the required scope and its tenant is active.

    A call that runs for longer ends when that is no longer so.

    Args:
        tenants: Repository of the keys; each look-up serves for 0.7 seconds.
        threads: Runs the look-ups. Clients take turns by address, because their tenant is not known yet.
        failed: Limits failures by client.
        strangers: Runs the look-ups of ids that are probably invented.
        ids: Recognises ids that are not.
        tokens: Checks tokens of OpenID Connect issuers; None if there are none.
        certificates: Knows the callers with certificates; None if there are none.
        calls: The running calls.
        uses: Records when keys are used.
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
        tokens: TokenVerifier | None = None,
        certificates: ClientCertificates | None = None,
        calls: OpenCalls,
        uses: LastUses,
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
        self._tokens = tokens
        self._certificates = certificates
        self._calls = calls
        self._uses = uses
        self._trusted_proxies = trusted_proxies
        self._clock = clock
        self._dev_key = dev_key
        self._now = now
        self._keys: RecentCache[str, tuple[ApiKey, Tenant] | None] = RecentCache(_MAX_AGE_SECONDS, clock=clock)
        self._owners: RecentCache[str, Tenant | None] = RecentCache(_MAX_AGE_SECONDS, clock=clock)
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
        try:
            with self._calls.running(caller.credential_digest or caller.api_key, lambda: self._admit(call, client)):
                yield
        finally:
            _caller.reset(token)

    async def authenticate(self, authorization: str, client: str = "") -> Caller:
        """Return the caller for an `authorization` value.

        Args:
            client: The client; see `client_of`.

        Raises:
            UnauthenticatedError: The key is missing, wrong, expired or revoked.
            PermissionDeniedError: The tenant of a token does not exist, or the token grants nothing.
        """
        scheme, _, secret = authorization.partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not secret:
            raise UnauthenticatedError(
                "No API key. Send it as metadata `authorization: Bearer KEY`.", reason="API_KEY_MISSING"
            )
        if self._dev_key and hmac.compare_digest(secret.encode(), DEV_KEY.encode()):
            return Caller(tenant=DEV_TENANT, api_key="", scopes=frozenset(Scope))
        if self._tokens is not None and secret.count(".") == _TOKEN_DOTS:
            return await self._caller_of_token(self._tokens, secret, client)
        parsed = _SECRET.fullmatch(secret)
        if parsed is None:
            raise _wrong_key()
        found = await self._find(parsed[1], client)
        # Compare in every case, so that the time taken does not reveal whether the id exists.
        matches = hmac.compare_digest(hash_secret(secret), found[0].secret_sha256 if found is not None else _NO_HASH)
        if found is None or not matches:
            raise _wrong_key()
        key, owner = found
        if key.expire_time is not None and key.expire_time <= self._now():
            raise UnauthenticatedError(
                "The API key has expired. Ask an administrator for a new one.", reason="API_KEY_EXPIRED"
            )
        return Caller(tenant=key.tenant, api_key=key.id, scopes=key.scopes, key=key, owner=owner)

    def forget(self, key_id: str) -> None:
        """Drop a key that was just changed from the cache."""
        self._keys.forget(key_id)

    def forget_all(self) -> None:
        """Drop all keys from the cache, because their tenant was just changed."""
        self._keys.clear()
        self._owners.clear()

    @property
    def has_dev_key(self) -> bool:
        """Whether `dev` is a valid key."""
        return self._dev_key

    async def _admit(self, call: Call, client: str) -> Caller:
        """Return the caller of a call whose tenant is active and whose key has the required scope."""
        authorization = call.metadata.get("authorization", "")
        known = None
        if not authorization and self._certificates is not None:
            known = self._certificates.find(call.context.auth_context())
        if known is not None:
            caller = await self._caller_of_certificate(known, client)
        else:
            caller = await self.authenticate(authorization, client)
        call.record.tenant, call.record.key_id = caller.tenant, caller.api_key
        if caller.owner is not None:
            _check_active(caller.owner)
        if caller.key is not None:
            self._uses.note(caller.key.id)
        scope = SCOPES[call.method]
        if scope is Scope.TENANT_ADMIN and (Scope.ADMIN in caller.scopes or call.method in ON_OWN_KEYS):
            scope = None
        if call.method in READ_FOR_INFERENCE and Scope.INFER in caller.scopes:
            scope = None
        reads_own = call.method in OWN_READS and Scope.WRITE in caller.scopes
        if call.method in NEEDS_READ and Scope.READ not in caller.scopes:
            scope, reads_own = Scope.READ, False
        if scope is not None and scope not in caller.scopes and not reads_own:
            raise scope_missing(scope)
        return caller

    async def _caller_of_token(self, tokens: TokenVerifier, token: str, client: str) -> Caller:
        """Return the caller of a token.

        Raises:
            UnauthenticatedError: The token is not valid.
            PermissionDeniedError: It grants nothing, or its tenant does not exist.
            UnavailableError: The keys of its issuer cannot be fetched.
        """
        found = await tokens.verify(token)
        owner = await self._owner(found.tenant, "token", client)
        return Caller(
            tenant=found.tenant,
            api_key=found.subject,
            scopes=found.scopes,
            owner=owner,
            credential_digest=found.digest,
            expire_time=found.expire_time,
        )

    async def _caller_of_certificate(self, known: KnownCertificate, client: str) -> Caller:
        """Return the caller with the certificate of a connection.

        Raises:
            UnauthenticatedError: The certificate has expired since the connection began.
            PermissionDeniedError: Its tenant does not exist.
        """
        if known.expire_time <= self._now():
            raise UnauthenticatedError(
                "The client's certificate has expired. Connect with a new one.", reason="CERTIFICATE_EXPIRED"
            )
        identity = known.identity
        return Caller(
            tenant=identity.tenant,
            api_key=identity.id,
            scopes=frozenset(identity.scopes),
            owner=await self._owner(identity.tenant, "certificate", client),
            credential_digest=known.digest,
            expire_time=known.expire_time,
        )

    async def _owner(self, tenant: str, credential: str, client: str) -> Tenant:
        """Return the tenant of a token or a certificate.

        Raises:
            PermissionDeniedError: It does not exist.
        """
        owner = await self._owners.get(
            tenant, lambda: self._threads.run(client, READ_SECONDS, self._tenants.find_tenant, tenant)
        )
        if owner is None:
            raise PermissionDeniedError(
                f"The {credential} is of {TenantName(tenant)}, which does not exist. Ask the operator of the service "
                "to create it, or to correct the mapping.",
                reason="CREDENTIAL_TENANT_UNKNOWN",
            )
        return owner

    async def _find(self, id: str, client: str) -> tuple[ApiKey, Tenant] | None:
        """Return the key with an id, and its tenant."""
        if id in self._unknown:
            return None
        # A client over its limit may be the address of many: ids that are not invented are still looked up.
        known = id in self._seen or self._ids.recognises(id)
        if not known and self._failed.exhausted(client, self._clock()):
            return None
        threads = self._threads if known else self._strangers
        found = await self._keys.get(
            id, lambda: threads.run(client, READ_SECONDS, self._tenants.find_key_and_tenant, id)
        )
        if found is None:
            self._unknown[id] = True
            self._keys.forget(id)
        else:
            self._seen[id] = True
        return found


def _wrong_key() -> UnauthenticatedError:
    return UnauthenticatedError("The API key is wrong or was revoked. Ask an administrator for a new one.")


def _check_active(tenant: Tenant) -> None:
    """Raise PermissionDeniedError if a tenant is suspended or is being deleted."""
    if tenant.state is not TenantState.ACTIVE:
        raise _inactive(tenant)


def _inactive(tenant: Tenant) -> PermissionDeniedError:
    """Return the error for a key of a tenant that is suspended or is being deleted."""
    name = str(TenantName(tenant.id))
    if tenant.state is TenantState.DELETING:
        return PermissionDeniedError(
            f"{name} was deleted. Ask the operator of the service to undo that before its resources are gone.",
            reason="TENANT_DELETED",
            metadata={"tenant": name},
        )
    why = f": {tenant.suspend_reason.rstrip('.')}" if tenant.suspend_reason else ""
    return PermissionDeniedError(
        f"{name} is suspended{why}. Ask the operator of the service to resume it.",
        reason="TENANT_SUSPENDED",
        metadata={"tenant": name},
    )


def scope_missing(scope: Scope) -> PermissionDeniedError:
    """Return the error for a key that lacks a scope."""
    return PermissionDeniedError(
        f"The key lacks the scope {scope.value}. Use a key that has it, or ask an administrator for one.",
        metadata={"scope": scope.value},
    )


def require_own(tenant: str, resource: str) -> None:
    """Raise the error for a missing resource if it belongs to another tenant.

    Raises:
        NotFoundError: The caller belongs to another tenant.
    """
    if tenant != current_caller().tenant:
        raise NotFoundError.of(resource)


def require_administered(tenant: str, resource: str) -> None:
    """Raise the error for a missing resource if the caller administers only another tenant.

    Raises:
        NotFoundError: The caller lacks the scope `admin` and belongs to another tenant.
    """
    if Scope.ADMIN not in current_caller().scopes:
        require_own(tenant, resource)


def require_readable(creator: str, resource: str) -> None:
    """Raise the error for a missing resource if the caller may not read it.

    Args:
        creator: Id of the key, token or certificate that created the resource.

    Raises:
        NotFoundError: The caller's key lacks the scope `read` and did not create the resource.
    """
    if current_caller().reads_only_of not in (None, creator):
        raise NotFoundError.of(resource)
