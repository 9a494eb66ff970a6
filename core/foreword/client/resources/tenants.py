"""Tenants, their keys, and the caller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from foreword.client.usage_resources import Quota
from foreword.domain.tenant import Scope, TenantState


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The tenant and the key or the token of a caller.

    Attributes:
        tenant_state: State of the tenant; None if the service is older and sends none.
        api_key: Name of the key; empty for the development key, a token and a certificate.
        expire_time: Time at which the key, the token or the certificate expires; None for never.
        parent_key: Name of the parent of a child key; empty for other keys.
        subject: Id of a caller with a token, `oidc:ISSUER:SUBJECT`, or a certificate, `mtls:NAME`; empty for a key.
        quota: The quotas of the tenant and what it uses of them; None if they were not asked for.
    """

    tenant: str
    tenant_display_name: str
    tenant_state: TenantState | None
    api_key: str
    api_key_display_name: str
    scopes: frozenset[Scope]
    expire_time: datetime | None
    parent_key: str
    subject: str
    server_version: str
    quota: Quota | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """An owner of resources, isolated from all other tenants.

    Attributes:
        state: State of the tenant; None if the service is older and sends none.
        suspend_reason: Why it was suspended; empty if it was not, or no reason was given.
        suspend_time: Time since which it is suspended; None if it is not.
        delete_time: Time at which its deletion was requested; None if it was not.
        purge_time: Time from which its deletion cannot be undone.
    """

    name: str
    display_name: str
    state: TenantState | None
    suspend_reason: str
    suspend_time: datetime | None
    delete_time: datetime | None
    purge_time: datetime | None
    etag: str
    create_time: datetime | None
    update_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An API key of a tenant. `secret` is set only in the answer to the creation of the key.

    Attributes:
        parent_key: Name of the parent of a child key; empty for other keys.
        last_use_time: Time of the last call, up to two minutes late; None if there was none.
    """

    name: str
    display_name: str
    scopes: frozenset[Scope]
    expire_time: datetime | None
    secret: str
    parent_key: str
    last_use_time: datetime | None
    create_time: datetime | None

    def __repr__(self) -> str:
        return f"ApiKey(name={self.name!r}, secret={'***' if self.secret else ''!r})"
