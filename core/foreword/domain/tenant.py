"""Tenants, API keys and callers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

GRACE_PERIOD: Final = timedelta(days=7)
"""Time for which the deletion of a tenant can be undone, unless its request says otherwise."""
MAX_GRACE_PERIOD: Final = timedelta(days=365)

CHILD_KEY_LIFE: Final = timedelta(hours=1)
"""Time after which a child key expires, unless its request says otherwise."""
MAX_CHILD_KEY_LIFE: Final = timedelta(hours=24)
MAX_CHILD_KEYS: Final = 100
"""Maximum number of child keys of a key that have not expired."""


class Scope(Enum):
    """A permission of an API key."""

    ADMIN = "admin"
    WRITE = "write"
    READ = "read"
    INFER = "infer"
    TENANT_ADMIN = "tenant_admin"


CHILD_SCOPES: Final = frozenset({Scope.WRITE, Scope.READ, Scope.INFER})
"""Scopes that a child key can have. An administrator's child could create keys that outlive it."""


class TenantState(Enum):
    """A stage in the life of a tenant."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """An owner of resources, isolated from all other tenants.

    Attributes:
        suspend_reason: Why it was suspended; empty if it was not, or no reason was given.
        suspend_time: Time since which it is suspended. A tenant that is being deleted keeps it.
        delete_time: Time at which its deletion was requested.
        purge_time: Time from which its deletion cannot be undone.
    """

    id: str
    display_name: str
    state: TenantState = TenantState.ACTIVE
    suspend_reason: str = ""
    suspend_time: datetime | None = None
    delete_time: datetime | None = None
    purge_time: datetime | None = None
    etag: str = ""
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An API key of a tenant. Only the SHA-256 of its secret is stored.

    A secret has the form `fw_{id}_{random}` with 256 random bits, so a fast hash is enough: it cannot be guessed.

    Attributes:
        parent: Id of the key that created this child key; None for other keys.
        last_use_time: Time of the last call, some time late; None if there was none.
    """

    id: str
    tenant: str
    display_name: str
    scopes: frozenset[Scope]
    secret_sha256: str
    parent: str | None = None
    expire_time: datetime | None
    create_time: datetime
    last_use_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The caller of a request: its tenant, its id (empty for the development key) and its scopes.

    Attributes:
        api_key: Id of the key; for a token `oidc:ISSUER:SUBJECT`, and for a certificate `mtls:NAME`.
        key: The key; None for the development key, a token and a certificate.
        owner: The tenant as the last look-up has found it; None for the development key.
        credential_digest: SHA-256 of the token or the certificate; empty for a key.
        expire_time: Expiry time of the token or the certificate; None for a key.
    """

    tenant: str
    api_key: str
    scopes: frozenset[Scope]
    key: ApiKey | None = None
    owner: Tenant | None = None
    credential_digest: str = ""
    expire_time: datetime | None = None

    @property
    def credential_expire_time(self) -> datetime | None:
        """Expiry time of the key, the token or the certificate; None if it does not expire."""
        return self.expire_time if self.key is None else self.key.expire_time

    @property
    def reads_only_of(self) -> str | None:
        """The creator to whose resources the caller is limited; None if the key may read everything."""
        return None if Scope.READ in self.scopes else self.api_key

    @property
    def prompts_only_of(self) -> str | None:
        """As `reads_only_of`, for saved prompts, which whoever sends prompts to models may read as well."""
        return None if Scope.INFER in self.scopes else self.reads_only_of

    def missing_scopes(self, scopes: Collection[Scope]) -> list[Scope]:
        """Return the scopes that the caller cannot give to another key of its tenant, in the order of the enum."""
        if Scope.ADMIN in self.scopes:
            return []
        return [scope for scope in Scope if scope in scopes and scope not in self.scopes]
