"""Conversion of tenants and API keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from foreword.domain.tenant import ApiKey, Scope, Tenant
from foreword.domain.violations import Violations
from foreword.names import ApiKeyName, TenantName, check_id
from foreword.server.convert.text_limits import MAX_DISPLAY_NAME
from foreword.server.convert.timestamps import parse_timestamp, timestamp
from foreword.v1 import tenant_pb2, tenant_service_pb2

_VALUES: Mapping[Scope, tenant_pb2.Scope] = {
    Scope.ADMIN: tenant_pb2.SCOPE_ADMIN,
    Scope.WRITE: tenant_pb2.SCOPE_WRITE,
    Scope.READ: tenant_pb2.SCOPE_READ,
    Scope.INFER: tenant_pb2.SCOPE_INFER,
}
_SCOPES = {value: scope for scope, value in _VALUES.items()}
_DEFAULT_SCOPES = frozenset({Scope.WRITE, Scope.READ, Scope.INFER})


def tenant(item: Tenant) -> tenant_pb2.Tenant:
    """Convert a tenant to a message."""
    return tenant_pb2.Tenant(
        name=str(TenantName(item.id)), display_name=item.display_name, create_time=timestamp(item.create_time)
    )


def api_key(item: ApiKey, secret: str = "") -> tenant_pb2.ApiKey:
    """Convert an API key to a message; `secret` is passed only right after its creation."""
    return tenant_pb2.ApiKey(
        name=str(ApiKeyName(item.tenant, item.id)),
        display_name=item.display_name,
        scopes=scopes(item.scopes),
        expire_time=timestamp(item.expire_time),
        secret=secret,
        create_time=timestamp(item.create_time),
    )


def scopes(items: Iterable[Scope]) -> list[tenant_pb2.Scope]:
    """Convert scopes to enum values, in the order of the enum."""
    return sorted(_VALUES[item] for item in items)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTenant:
    """A parsed CreateTenant request."""

    id: str
    display_name: str


def parse_new_tenant(request: tenant_service_pb2.CreateTenantRequest) -> NewTenant:
    """Parse a CreateTenant request."""
    violations = Violations()
    violations.collect(lambda: check_id(request.tenant_id, "tenant_id"))
    name = violations.text("tenant.display_name", request.tenant.display_name, MAX_DISPLAY_NAME)
    violations.check()
    return NewTenant(id=request.tenant_id, display_name=name or request.tenant_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """A parsed CreateApiKey request."""

    tenant: str
    display_name: str
    scopes: frozenset[Scope]
    expire_time: datetime | None


def parse_new_api_key(request: tenant_service_pb2.CreateApiKeyRequest, now: datetime) -> NewApiKey:
    """Parse a CreateApiKey request."""
    violations = Violations()
    key = request.api_key
    parent = violations.collect(lambda: TenantName.parse(request.parent, "parent"))
    name = violations.text("api_key.display_name", key.display_name, MAX_DISPLAY_NAME)
    chosen: set[Scope] = set()
    for place, value in enumerate(key.scopes):
        scope = _SCOPES.get(value)
        if scope is None:
            violations.add(f"api_key.scopes[{place}]", f"must be one of {', '.join(tenant_pb2.Scope.keys()[1:])}")
        else:
            chosen.add(scope)
    expire_time = None
    if key.HasField("expire_time"):
        expire_time = violations.collect(lambda: parse_timestamp("api_key.expire_time", key.expire_time))
        if expire_time is not None and expire_time <= now:
            violations.add("api_key.expire_time", "must be in the future")
    violations.check()
    assert parent is not None
    return NewApiKey(
        tenant=parent.tenant,
        display_name=name,
        scopes=frozenset(chosen) or _DEFAULT_SCOPES,
        expire_time=expire_time,
    )
