"""Tenants, their keys, and the caller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from foreword.domain.tenant import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The tenant and the scopes of a key. `api_key` is empty for the development key."""

    tenant: str
    api_key: str
    scopes: frozenset[Scope]
    server_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """An owner of resources, isolated from all other tenants."""

    name: str
    display_name: str
    create_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An API key of a tenant. `secret` is set only in the answer to the creation of the key."""

    name: str
    display_name: str
    scopes: frozenset[Scope]
    expire_time: datetime | None
    secret: str
    create_time: datetime | None

    def __repr__(self) -> str:
        return f"ApiKey(name={self.name!r}, secret={'***' if self.secret else ''!r})"
