"""Suspension, resumption and deletion of tenants, and the keys that their administrators and others create."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf import timestamp_pb2

from factories.api import create_experiment, deployed, failure_of, refused, submit_feedback, upload, upload_messages
from factories.scrapes import scrape
from factories.servers import RunningServer
from factories.service_process import ServiceProcess
from factories.waiting import wait_until
from foreword.domain.tenant import MAX_CHILD_KEYS, Scope
from foreword.v1 import inference_service_pb2, tenant_pb2, tune_experiment_service_pb2
from foreword.v1 import tenant_service_pb2 as tenants

WHO = tenants.WhoAmIRequest()
USUAL = (Scope.WRITE, Scope.READ, Scope.INFER)
_numbers = itertools.count(1)


@pytest.fixture
def tenant(server: RunningServer) -> str:
    """The id of a new tenant."""
    id = f"lifecycle-{next(_numbers)}"
    server.tenants.ensure_tenant(id)
    return id


@pytest.fixture
def admin(server: RunningServer) -> Any:
    return server.stubs()


def suspend(admin: Any, tenant: str, **fields: Any) -> Any:
    return admin.tenants.SuspendTenant(tenants.SuspendTenantRequest(name=f"tenants/{tenant}", **fields))


def resume(admin: Any, tenant: str, **fields: Any) -> Any:
    return admin.tenants.ResumeTenant(tenants.ResumeTenantRequest(name=f"tenants/{tenant}", **fields))


def delete(admin: Any, tenant: str, **fields: Any) -> Any:
    return admin.tenants.DeleteTenant(tenants.DeleteTenantRequest(name=f"tenants/{tenant}", **fields))


def undelete(admin: Any, tenant: str) -> Any:
    return admin.tenants.UndeleteTenant(tenants.UndeleteTenantRequest(name=f"tenants/{tenant}"))


def child(stubs: Any, **key: Any) -> Any:
    return stubs.tenants.CreateChildApiKey(tenants.CreateChildApiKeyRequest(api_key=tenant_pb2.ApiKey(**key)))


def moment(seconds: float) -> timestamp_pb2.Timestamp:
    return timestamp_pb2.Timestamp(seconds=int(time.time() + seconds))


def test_a_tenant_is_suspended_with_its_reason_and_resumed(server: RunningServer, admin: Any, tenant: str):
    stubs = server.stubs(server.new_key(tenant))
    stubs.tenants.WhoAmI(WHO)

    suspended = suspend(admin, tenant, reason="The invoice is not paid.")
    refusal = refused(stubs.tenants.WhoAmI, WHO)
    resumed = resume(admin, tenant)

    assert suspended.state == tenant_pb2.Tenant.STATE_SUSPENDED
    assert suspended.HasField("suspend_time")
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.PERMISSION_DENIED, "TENANT_SUSPENDED")
    assert "is suspended: The invoice is not paid. Ask the operator" in refusal.message
    assert refusal.metadata == {"tenant": f"tenants/{tenant}"}
    assert (resumed.state, resumed.suspend_reason) == (tenant_pb2.Tenant.STATE_ACTIVE, "")
    assert stubs.tenants.WhoAmI(WHO).tenant_state == tenant_pb2.Tenant.STATE_ACTIVE


def test_a_deleted_tenant_is_refused_until_that_is_undone(server: RunningServer, admin: Any, tenant: str):
    stubs = server.stubs(server.new_key(tenant))
    suspend(admin, tenant, reason="first")

    deleted = delete(admin, tenant)
    refusal = refused(stubs.tenants.WhoAmI, WHO)
    again = delete(admin, tenant)
    blocked = refused(resume, admin, tenant)
    restored = undelete(admin, tenant)

    assert deleted.state == tenant_pb2.Tenant.STATE_DELETING
    assert deleted.purge_time.ToDatetime() - deleted.delete_time.ToDatetime() == timedelta(days=7)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.PERMISSION_DENIED, "TENANT_DELETED")
    assert again.purge_time == deleted.purge_time
    assert (blocked.code, blocked.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TENANT_DELETED")
    assert (restored.state, restored.suspend_reason) == (tenant_pb2.Tenant.STATE_SUSPENDED, "first")
    assert not restored.HasField("purge_time")


def test_the_grace_period_can_be_chosen_and_changed_until_it_is_over(admin: Any, tenant: str):
    long = delete(admin, tenant, grace_period={"seconds": 3600})
    over = delete(admin, tenant, grace_period={"seconds": 0})
    later = delete(admin, tenant, grace_period={"seconds": 3600})
    refusal = refused(undelete, admin, tenant)
    wrong = refused(delete, admin, tenant, grace_period={"seconds": -1})

    assert long.purge_time.ToDatetime() - long.delete_time.ToDatetime() == timedelta(hours=1)
    assert later.purge_time == over.purge_time
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TENANT_PURGED")
    assert list(wrong.violations) == ["grace_period"]


def test_a_tenant_gets_another_name_unless_its_etag_is_outdated(admin: Any, tenant: str):
    found = admin.tenants.GetTenant(tenants.GetTenantRequest(name=f"tenants/{tenant}"))
    change = {"name": found.name, "display_name": "Renamed", "etag": found.etag}

    renamed = admin.tenants.UpdateTenant(tenants.UpdateTenantRequest(tenant=change))
    stale = refused(admin.tenants.UpdateTenant, tenants.UpdateTenantRequest(tenant=change))
    mask = {"paths": ["state"]}
    immutable = refused(admin.tenants.UpdateTenant, tenants.UpdateTenantRequest(tenant=change, update_mask=mask))

    assert (renamed.display_name, renamed.etag == found.etag) == ("Renamed", False)
    assert stale.code is grpc.StatusCode.ABORTED
    assert list(immutable.violations) == ["update_mask.paths[0]"]
    assert refused(suspend, admin, tenant, etag=found.etag).code is grpc.StatusCode.ABORTED


def test_nobody_suspends_or_deletes_the_own_tenant(server: RunningServer, admin: Any, tenant: str):
    stubs = server.stubs(server.new_key(tenant, [Scope.ADMIN]))

    for call in (suspend, delete):
        assert refused(call, stubs, tenant).reason == "OWN_TENANT"
        assert refused(call, stubs, "dev").reason == "OWN_TENANT"  # the development key would be locked out
        assert refused(call, stubs, "ghost").code is grpc.StatusCode.NOT_FOUND


def test_tenants_are_found_by_their_state(admin: Any, tenant: str):
    suspend(admin, tenant)

    request = tenants.ListTenantsRequest(filter=f'state = SUSPENDED AND display_name = "{tenant}"')
    assert [item.name for item in admin.tenants.ListTenants(request).tenants] == [f"tenants/{tenant}"]


def test_open_streams_of_a_suspended_tenant_end(server: RunningServer, admin: Any, tenant: str):
    stubs = server.stubs(server.new_key(tenant))
    name = create_experiment(stubs, upload(stubs).name).name
    watch = stubs.experiments.WatchTuneExperiment(
        tune_experiment_service_pb2.WatchTuneExperimentRequest(name=name), timeout=60
    )
    next(watch)
    done = threading.Event()
    sent = stubs.datasets.UploadDataset.future(unfinished_upload(done), timeout=60)
    time.sleep(0.3)  # calls that have just begun are checked a little later

    begin = time.monotonic()
    suspend(admin, tenant)
    with pytest.raises(grpc.RpcError) as caught:
        next(watch)
    seconds = time.monotonic() - begin
    watched, uploaded = failure_of(caught.value), failure_of(sent.exception(timeout=30))
    done.set()
    resume(admin, tenant)
    stubs.experiments.CancelTuneExperiment(tune_experiment_service_pb2.CancelTuneExperimentRequest(name=name))

    assert seconds < 2
    assert (watched.code, watched.reason) == (grpc.StatusCode.PERMISSION_DENIED, "TENANT_SUSPENDED")
    assert (uploaded.code, uploaded.reason) == (grpc.StatusCode.PERMISSION_DENIED, "TENANT_SUSPENDED")


def unfinished_upload(done: threading.Event) -> Iterator[Any]:
    yield next(upload_messages(b""))
    done.wait()


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


def test_a_child_key_has_some_scopes_of_its_parent_and_dies_with_it(server: RunningServer, admin: Any, tenant: str):
    parent, secret = server.tenants.create_api_key(tenant, "page", [Scope.READ, Scope.INFER])
    stubs = server.stubs(secret)

    reader = child(stubs, display_name="a visitor", scopes=[tenant_pb2.SCOPE_READ])
    both = child(stubs)
    own = server.stubs(reader.secret)
    identity = own.tenants.WhoAmI(WHO)
    lacking = refused(own.inference.Tokenize, inference_service_pb2.TokenizeRequest(model="x", text="x"))
    nested = refused(child, own)
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

    assert child(brief).expire_time.seconds - time.time() < 301
    assert (
        "not be after that of its parent"
        in refused(child, brief, expire_time=moment(900)).violations["api_key.expire_time"]
    )
    assert "at most 24 hours" in refused(child, stubs, expire_time=moment(25 * 3600)).violations["api_key.expire_time"]
    assert child(stubs, expire_time=moment(24 * 3600 + 20)).expire_time.seconds - time.time() <= 24 * 3600
    for scope in (tenant_pb2.SCOPE_ADMIN, tenant_pb2.SCOPE_TENANT_ADMIN):
        assert list(refused(child, stubs, scopes=[scope]).violations) == ["api_key.scopes"]
    assert refused(child, server.stubs()).reason == "DEVELOPMENT_KEY"
    only = server.stubs(server.new_key(tenant, [Scope.TENANT_ADMIN]))
    assert refused(child, only).code is grpc.StatusCode.PERMISSION_DENIED


def test_a_key_has_a_limited_number_of_children(server: RunningServer, tenant: str):
    stubs = server.stubs(server.new_key(tenant))
    for _ in range(MAX_CHILD_KEYS - 1):
        child(stubs)
    last = child(stubs, expire_time=moment(2))

    refusal = refused(child, stubs)
    wait_until(lambda: server.database.now().timestamp() > last.expire_time.seconds)

    assert (refusal.reason, refusal.quota) == ("TOO_MANY_CHILD_KEYS", f"tenants/{tenant}")
    assert refusal.retry_seconds is not None
    assert refusal.retry_seconds <= 2
    assert child(stubs).secret


def test_a_key_revokes_itself_and_its_children_but_no_other(server: RunningServer, tenant: str):
    other, _ = server.tenants.create_api_key(tenant, "other", USUAL)
    key, secret = server.tenants.create_api_key(tenant, "own", [Scope.READ])
    stubs = server.stubs(secret)
    first = child(stubs)

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
    before = server.database.now()

    server.write_last_uses()
    used = server.tenants.find_api_key(key.id).last_use_time
    server.write_last_uses()

    assert unwritten is None
    assert abs(used - before) < timedelta(seconds=30)
    assert server.tenants.find_api_key(key.id).last_use_time == used


def test_another_server_process_refuses_within_a_second(tmp_path: Any, start_server: Any):
    """The second server shares nothing but the database with the one that makes the change."""
    with ServiceProcess(tmp_path / "home") as second:
        first = start_server(home=tmp_path / "home")
        admin = first.stubs()

        def seconds_until_refused(change: Any, secret: str, reason: str) -> float:
            stubs = second.stubs(secret)
            stubs.tenants.WhoAmI(WHO)
            change()
            begin = time.monotonic()
            failure = wait_until(lambda: failure_or_none(stubs))
            assert failure.reason == reason
            return time.monotonic() - begin

        key, secret = first.tenants.create_api_key(first.tenants.ensure_tenant("acme").id, "one", USUAL)
        children = [child(first.stubs(secret)).secret for _ in range(2)]
        second.stubs(children[0]).tenants.WhoAmI(WHO)
        name = f"tenants/acme/apiKeys/{key.id}"
        revoked = seconds_until_refused(
            lambda: admin.tenants.DeleteApiKey(tenants.DeleteApiKeyRequest(name=name)), children[0], "API_KEY_INVALID"
        )
        refused(second.stubs(secret).tenants.WhoAmI, WHO)
        suspended = seconds_until_refused(lambda: suspend(admin, "acme"), first.new_key("acme"), "TENANT_SUSPENDED")
        resume(admin, "acme")
        deleted = seconds_until_refused(lambda: delete(admin, "acme"), first.new_key("acme"), "TENANT_DELETED")

    assert max(revoked, suspended, deleted) < 1.0


def test_a_purged_tenant_is_in_no_cache_metric_or_file(start_server: Any):
    server = start_server(metrics=True, metrics_port=0)
    admin = server.stubs()
    stubs = {tenant: server.stubs(server.new_key(tenant)) for tenant in ("gone-soon", "kept")}
    for tenant in stubs.values():
        deployment = deployed(server, tenant, "shop")
        tenant.inference.Generate(
            inference_service_pb2.GenerateRequest(model="shop", text="x", parameters={"max_new_tokens": 1})
        )
        submit_feedback(tenant, deployment.name)
    before = scrape(server.metrics.port).text
    held = server.engine.tenants

    delete(admin, "gone-soon", grace_period={"seconds": 0})
    server.purge_tenants()
    after = scrape(server.metrics.port).text

    assert (held, server.engine.tenants) == ({"gone-soon", "kept"}, {"kept"})
    assert before.count('tenant="gone-soon"') >= before.count('tenant="kept"') > 3
    assert "gone-soon" not in after
    assert after.count('tenant="kept"') == before.count('tenant="kept"')
    assert [path for path in server.settings.home.rglob("*") if "gone-soon" in path.name] == []
    missing = refused(admin.tenants.GetTenant, tenants.GetTenantRequest(name="tenants/gone-soon"))
    assert missing.code is grpc.StatusCode.NOT_FOUND
    server.pass_time(1.0)
    assert refused(stubs["gone-soon"].tenants.WhoAmI, WHO).reason == "API_KEY_INVALID"
    assert stubs["kept"].tenants.WhoAmI(WHO).tenant == "tenants/kept"


def failure_or_none(stubs: Any) -> Any:
    """Call the service and return how that fails; None if it does not."""
    try:
        stubs.tenants.WhoAmI(WHO)
    except grpc.RpcError as error:
        return failure_of(error)
    return None
