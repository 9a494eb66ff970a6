"""Keys that administrators of a tenant and other keys create: their scopes, their lives and their last uses."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf import timestamp_pb2

from factories.api import create_child_key, refused
from factories.servers import RunningServer
from factories.waiting import wait_until
from foreword.domain.tenant import MAX_CHILD_KEYS, Scope
from foreword.v1 import inference_service_pb2, tenant_pb2
from foreword.v1 import tenant_service_pb2 as tenants

WHO = tenants.WhoAmIRequest()
USUAL = (Scope.WRITE, Scope.READ, Scope.INFER)
_numbers = itertools.count(1)


@pytest.fixture
def tenant(server: RunningServer) -> str:
    """The id of a new tenant."""
    return server.tenants.ensure_tenant(f"keys-{next(_numbers)}").id


@pytest.fixture
def admin(server: RunningServer) -> Any:
    return server.stubs()


def moment(seconds: float) -> timestamp_pb2.Timestamp:
    return timestamp_pb2.Timestamp(seconds=int(time.time() + seconds))


def test_a_tenants_administrator_manages_the_keys_of_its_tenant_only(server: RunningServer, tenant: str):
    server.new_key("elsewhere")
    stubs = server.stubs(server.new_key(tenant, (*USUAL, Scope.TENANT_ADMIN)))
    key = stubs.tenants.CreateApiKey(tenants.CreateApiKeyRequest(parent=f"tenants/{tenant}"))
    listed = stubs.tenants.ListApiKeys(tenants.ListApiKeysRequest(parent=f"tenants/{tenant}")).api_keys
    stubs.tenants.DeleteApiKey(tenants.DeleteApiKeyRequest(name=key.name))

    assert len(listed) == 2
    assert stubs.tenants.GetTenant(tenants.GetTenantRequest(name=f"tenants/{tenant}")).name == f"tenants/{tenant}"
    for other in ("elsewhere", "ghost"):
        name = f"tenants/{other}"
        for call, request in (
            (stubs.tenants.GetTenant, tenants.GetTenantRequest(name=name)),
            (stubs.tenants.CreateApiKey, tenants.CreateApiKeyRequest(parent=name)),
            (stubs.tenants.ListApiKeys, tenants.ListApiKeysRequest(parent=name)),
            (stubs.tenants.DeleteApiKey, tenants.DeleteApiKeyRequest(name=f"{name}/apiKeys/0123456789abcdef")),
        ):
            assert refused(call, request).code is grpc.StatusCode.NOT_FOUND
    refusal = refused(stubs.tenants.SuspendTenant, tenants.SuspendTenantRequest(name=f"tenants/{tenant}"))
    assert (refusal.code, refusal.metadata) == (grpc.StatusCode.PERMISSION_DENIED, {"scope": "admin"})


def test_a_tenants_administrator_gives_no_scope_that_it_lacks(server: RunningServer, tenant: str):
    operator, _ = server.tenants.create_api_key(tenant, "operator", [Scope.ADMIN])
    stubs = server.stubs(server.new_key(tenant, [Scope.TENANT_ADMIN, Scope.READ]))

    def create(*scopes: Any) -> Any:
        request = tenants.CreateApiKeyRequest(parent=f"tenants/{tenant}", api_key={"scopes": scopes})
        return stubs.tenants.CreateApiKey(request)

    assert list(create(tenant_pb2.SCOPE_READ).scopes) == [tenant_pb2.SCOPE_READ]
    assert refused(create, tenant_pb2.SCOPE_ADMIN).metadata == {"scope": "admin"}
    assert refused(create, tenant_pb2.SCOPE_READ, tenant_pb2.SCOPE_INFER).metadata == {"scope": "infer"}
    assert refused(create).metadata == {"scope": "write"}  # the default scopes
    name = f"tenants/{tenant}/apiKeys/{operator.id}"
    refusal = refused(stubs.tenants.DeleteApiKey, tenants.DeleteApiKeyRequest(name=name))
    assert refusal.metadata == {"scope": "admin"}


@pytest.mark.parametrize("scope", [Scope.TENANT_ADMIN, Scope.ADMIN])
def test_a_key_does_not_outlive_the_key_that_creates_it(server: RunningServer, tenant: str, scope: Scope):
    end = server.database.now() + timedelta(minutes=5)
    _, secret = server.tenants.create_api_key(tenant, "short", (*USUAL, scope), end)
    stubs = server.stubs(secret)

    def create(**fields: Any) -> Any:
        return stubs.tenants.CreateApiKey(tenants.CreateApiKeyRequest(parent=f"tenants/{tenant}", api_key=fields))

    assert create().expire_time.ToDatetime(UTC) == end
    earlier = moment(60)
    assert create(expire_time=earlier).expire_time == earlier
    violation = refused(create, expire_time=moment(900)).violations["api_key.expire_time"]
    assert f"{end:%Y-%m-%d %H:%M:%S} UTC: leave it out, or use a key that lasts longer" in violation


def test_a_child_key_has_some_scopes_of_its_parent_and_dies_with_it(server: RunningServer, admin: Any, tenant: str):
    parent, secret = server.tenants.create_api_key(tenant, "page", [Scope.READ, Scope.INFER])
    stubs = server.stubs(secret)

    reader = create_child_key(stubs, display_name="a visitor", scopes=[tenant_pb2.SCOPE_READ])
    both = create_child_key(stubs)
    own = server.stubs(reader.secret)
    identity = own.tenants.WhoAmI(WHO)
    lacking = refused(own.inference.Tokenize, inference_service_pb2.TokenizeRequest(model="x", text="x"))
    nested = refused(create_child_key, own)
    admin.tenants.DeleteApiKey(tenants.DeleteApiKeyRequest(name=f"tenants/{tenant}/apiKeys/{parent.id}"))

    assert list(both.scopes) == [tenant_pb2.SCOPE_READ, tenant_pb2.SCOPE_INFER]
    assert 3500 < both.expire_time.seconds - time.time() < 3700
    assert (identity.parent_key, identity.api_key_display_name) == (
        f"tenants/{tenant}/apiKeys/{parent.id}",
        "a visitor",
    )
    assert identity.expire_time == reader.expire_time
    assert lacking.metadata == {"scope": "infer"}
    assert (nested.code, nested.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CHILD_KEY")
    for key in (secret, reader.secret, both.secret):
        assert refused(server.stubs(key).tenants.WhoAmI, WHO).code is grpc.StatusCode.UNAUTHENTICATED


def test_a_child_key_is_short_lived_and_no_administrator(server: RunningServer, tenant: str):
    scopes = (*USUAL, Scope.TENANT_ADMIN)
    _, secret = server.tenants.create_api_key(tenant, "short", scopes, server.database.now() + timedelta(minutes=5))
    brief, stubs = server.stubs(secret), server.stubs(server.new_key(tenant, scopes))

    assert create_child_key(brief).expire_time.seconds - time.time() < 301
    assert (
        "not be after that of its parent"
        in refused(create_child_key, brief, expire_time=moment(900)).violations["api_key.expire_time"]
    )
    assert (
        "at most 24 hours"
        in refused(create_child_key, stubs, expire_time=moment(25 * 3600)).violations["api_key.expire_time"]
    )
    assert create_child_key(stubs, expire_time=moment(24 * 3600 + 20)).expire_time.seconds - time.time() <= 24 * 3600
    for scope in (tenant_pb2.SCOPE_ADMIN, tenant_pb2.SCOPE_TENANT_ADMIN):
        assert list(refused(create_child_key, stubs, scopes=[scope]).violations) == ["api_key.scopes"]
    assert refused(create_child_key, server.stubs()).reason == "DEVELOPMENT_KEY"
    only = server.stubs(server.new_key(tenant, [Scope.TENANT_ADMIN]))
    assert refused(create_child_key, only).code is grpc.StatusCode.PERMISSION_DENIED


def test_a_key_has_a_limited_number_of_children(server: RunningServer, tenant: str):
    stubs = server.stubs(server.new_key(tenant))
    oldest, second, *_ = [create_child_key(stubs) for _ in range(MAX_CHILD_KEYS - 1)]
    last = create_child_key(stubs, expire_time=moment(2))

    refusal = refused(create_child_key, stubs)
    wait_until(lambda: server.database.now().timestamp() > last.expire_time.seconds)

    assert (refusal.reason, refusal.quota) == ("TOO_MANY_CHILD_KEYS", f"tenants/{tenant}")
    assert refusal.retry_seconds is not None
    assert refusal.retry_seconds <= 2
    assert create_child_key(stubs).secret
    for _ in range(2):
        assert create_child_key(stubs, replace_oldest=True).secret
    for revoked in (oldest, second):
        answer = refused(server.stubs(revoked.secret).tenants.WhoAmI, WHO)
        assert answer.code is grpc.StatusCode.UNAUTHENTICATED


def test_a_key_revokes_itself_and_its_children_but_no_other(server: RunningServer, tenant: str):
    other, _ = server.tenants.create_api_key(tenant, "other", USUAL)
    key, secret = server.tenants.create_api_key(tenant, "own", [Scope.READ])
    stubs = server.stubs(secret)
    first = create_child_key(stubs)

    def revoke(name: str) -> None:
        stubs.tenants.DeleteApiKey(tenants.DeleteApiKeyRequest(name=name))

    revoke(first.name)
    assert refused(revoke, f"tenants/{tenant}/apiKeys/{other.id}").metadata == {"scope": "tenant_admin"}
    revoke(f"tenants/{tenant}/apiKeys/{key.id}")
    assert refused(server.stubs(first.secret).tenants.WhoAmI, WHO).code is grpc.StatusCode.UNAUTHENTICATED
    assert refused(stubs.tenants.WhoAmI, WHO).code is grpc.StatusCode.UNAUTHENTICATED


def test_the_last_use_of_a_key_is_written_later(server: RunningServer, tenant: str):
    key, secret = server.tenants.create_api_key(tenant, "used", [Scope.READ])
    stubs = server.stubs(secret)
    for _ in range(3):
        stubs.tenants.WhoAmI(WHO)
    unwritten = server.tenants.find_api_key(key.id).last_use_time
    before = server.now()

    server.write_last_uses()
    used = server.tenants.find_api_key(key.id).last_use_time
    server.write_last_uses()

    assert unwritten is None
    assert abs(used - before) < timedelta(seconds=30)
    assert server.tenants.find_api_key(key.id).last_use_time == used
