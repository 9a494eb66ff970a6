"""Tenants, their API keys, and who is calling."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Scope(Enum):
    """What an API key allows."""

    ADMIN = "admin"
    WRITE = "write"
    READ = "read"
    INFER = "infer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """Somebody whose resources nobody else sees."""

    id: str
    display_name: str
    create_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key that speaks for a tenant; only the SHA-256 of its secret is stored.

    A secret reads `fw_{id}_{random}` with 256 random bits, so a plain fast hash is enough: there is nothing to guess.
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
    """Who is calling: the tenant, the key's id (empty for the development key) and what it allows."""

    tenant: str
    api_key: str
    scopes: frozenset[Scope]

    @property
    def reads_only_of(self) -> str | None:
        """The creator whose resources are all that the caller may read; None for a key that may read everything."""
        return None if Scope.READ in self.scopes else self.api_key
