"""Conversion of tenants and API keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from foreword.domain.tenant import MAX_GRACE_PERIOD, ApiKey, Scope, Tenant
from foreword.domain.violations import Violations
from foreword.names import ApiKeyName, TenantName, check_id
from foreword.server.convert.changed_fields import changed_fields
from foreword.server.convert.text_limits import MAX_DISPLAY_NAME, MAX_ETAG
from foreword.server.convert.timestamps import parse_timestamp, timestamp
from foreword.v1 import tenant_pb2, tenant_service_pb2

_VALUES: Mapping[Scope, tenant_pb2.Scope] = {
    Scope.ADMIN: tenant_pb2.SCOPE_ADMIN,
    Scope.WRITE: tenant_pb2.SCOPE_WRITE,
    Scope.READ: tenant_pb2.SCOPE_READ,
    Scope.INFER: tenant_pb2.SCOPE_INFER,
    Scope.TENANT_ADMIN: tenant_pb2.SCOPE_TENANT_ADMIN,
}
_SCOPES = {value: scope for scope, value in _VALUES.items()}
_MAX_REASON: Final = 500
_DEFAULT_SCOPES = frozenset({Scope.WRITE, Scope.READ, Scope.INFER})


def tenant(item: Tenant) -> tenant_pb2.Tenant:
    """Convert a tenant to a message."""
    return tenant_pb2.Tenant(
        name=str(TenantName(item.id)),
        display_name=item.display_name,
        create_time=timestamp(item.create_time),
        state=f"STATE_{item.state.name}",
        suspend_reason=item.suspend_reason,
        suspend_time=timestamp(item.suspend_time),
        delete_time=timestamp(item.delete_time),
        purge_time=timestamp(item.purge_time),
        etag=item.etag,
        update_time=timestamp(item.update_time),
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
        last_use_time=timestamp(item.last_use_time),
        parent_key=parent_key(item),
    )


def parent_key(item: ApiKey) -> str:
    """Return the name of the parent of a child key; empty for other keys."""
    return "" if item.parent is None else str(ApiKeyName(item.tenant, item.parent))


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
    name = violations.name("tenant.display_name", request.tenant.display_name, MAX_DISPLAY_NAME)
    violations.check()
    return NewTenant(id=request.tenant_id, display_name=name or request.tenant_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantChange:
    """A parsed UpdateTenant request. None leaves a field unchanged, and an empty etag is not checked."""

    tenant: str
    etag: str
    display_name: str | None


def parse_tenant_change(request: tenant_service_pb2.UpdateTenantRequest) -> TenantChange:
    """Parse an UpdateTenant request."""
    violations = Violations()
    message = request.tenant
    name = violations.collect(lambda: TenantName.parse(message.name, "tenant.name"))
    etag = violations.text("tenant.etag", message.etag, MAX_ETAG)
    changed = changed_fields(violations, message, request.update_mask.paths, ("display_name",), "a tenant")
    display_name = None
    if "display_name" in changed:
        display_name = violations.name("tenant.display_name", message.display_name, MAX_DISPLAY_NAME, required=True)
    violations.check()
    assert name is not None
    return TenantChange(tenant=name.tenant, etag=etag, display_name=display_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """A parsed request that changes the state of a tenant. An empty etag is not checked."""

    tenant: str
    etag: str
    reason: str = ""
    grace_period: timedelta | None = None


def parse_state_change(
    request: tenant_service_pb2.SuspendTenantRequest
    | tenant_service_pb2.ResumeTenantRequest
    | tenant_service_pb2.DeleteTenantRequest
    | tenant_service_pb2.UndeleteTenantRequest,
) -> StateChange:
    """Parse a request that suspends, resumes, deletes or restores a tenant."""
    violations = Violations()
    name = violations.collect(lambda: TenantName.parse(request.name))
    etag = violations.text("etag", request.etag, MAX_ETAG)
    reason, grace_period = "", None
    if isinstance(request, tenant_service_pb2.SuspendTenantRequest):
        reason = violations.text("reason", request.reason, _MAX_REASON).strip()
    elif isinstance(request, tenant_service_pb2.DeleteTenantRequest) and request.HasField("grace_period"):
        seconds = request.grace_period.seconds + request.grace_period.nanos / 1e9
        if not 0 <= seconds <= MAX_GRACE_PERIOD.total_seconds():
            days = f"must be 0 to {MAX_GRACE_PERIOD.days} days, not {seconds / 86400:.10g} days"
            violations.add("grace_period", days)
        violations.check()
        grace_period = timedelta(seconds=seconds)
    violations.check()
    assert name is not None
    return StateChange(tenant=name.tenant, etag=etag, reason=reason, grace_period=grace_period)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """The parsed key of a CreateApiKey or CreateChildApiKey request. `scopes` is empty if the request names none."""

    display_name: str
    scopes: frozenset[Scope]
    expire_time: datetime | None


def parse_new_api_key(request: tenant_service_pb2.CreateApiKeyRequest, now: datetime) -> tuple[TenantName, NewApiKey]:
    """Parse a CreateApiKey request."""
    violations = Violations()
    parent = violations.collect(lambda: TenantName.parse(request.parent, "parent"))
    new = _parse_key(violations, request.api_key, now)
    violations.check()
    assert parent is not None
    return parent, replace(new, scopes=new.scopes or _DEFAULT_SCOPES)


def parse_new_child_key(request: tenant_service_pb2.CreateChildApiKeyRequest, now: datetime) -> NewApiKey:
    """Parse a CreateChildApiKey request."""
    violations = Violations()
    new = _parse_key(violations, request.api_key, now)
    violations.check()
    return new


def _parse_key(violations: Violations, key: tenant_pb2.ApiKey, now: datetime) -> NewApiKey:
    name = violations.name("api_key.display_name", key.display_name, MAX_DISPLAY_NAME)
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
    return NewApiKey(display_name=name, scopes=frozenset(chosen), expire_time=expire_time)
