"""Tenants, API keys and callers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Scope(Enum):
    """A permission of an API key."""

    ADMIN = "admin"
    WRITE = "write"
    READ = "read"
    INFER = "infer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """An owner of resources, isolated from all other tenants."""

    id: str
    display_name: str
    create_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An API key of a tenant. Only the SHA-256 of its secret is stored.

    A secret has the form `fw_{id}_{random}` with 256 random bits, so a fast hash is enough: it cannot be guessed.
    """

    id: str
    tenant: str
    display_name: str
    scopes: frozenset[Scope]
    secret_sha256: str
    expire_time: datetime | None
    create_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The caller of a request: its tenant, the id of its key (empty for the development key) and the key's scopes."""

    tenant: str
    api_key: str
    scopes: frozenset[Scope]

    @property
    def reads_only_of(self) -> str | None:
        """The creator to whose resources the caller is limited; None if the key may read everything."""
        return None if Scope.READ in self.scopes else self.api_key
