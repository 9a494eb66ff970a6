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

from factories.api import (
    create_child_key,
    create_experiment,
    deployed,
    failure_of,
    refused,
    submit_feedback,
    upload,
    upload_messages,
)
from factories.scrapes import scrape
from factories.servers import RunningServer
from factories.service_process import ServiceProcess
from foreword.domain.tenant import Scope
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
    endless = refused(delete, admin, tenant, grace_period={"seconds": 400 * 86400})
    assert endless.violations["grace_period"] == "must be 0 to 365 days, not 400 days"


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

    assert seconds < 10
    assert (watched.code, watched.reason) == (grpc.StatusCode.PERMISSION_DENIED, "TENANT_SUSPENDED")
    assert (uploaded.code, uploaded.reason) == (grpc.StatusCode.PERMISSION_DENIED, "TENANT_SUSPENDED")


def unfinished_upload(done: threading.Event) -> Iterator[Any]:
    yield next(upload_messages(b""))
    done.wait()


def test_another_server_process_refuses_within_a_second(tmp_path: Any, start_server: Any):
    """The second server shares nothing but the database with the one that makes the change."""
    with ServiceProcess(tmp_path / "home") as second:
        first = start_server(home=tmp_path / "home")
        admin = first.stubs()

        def last_accepted(change: Any, secret: str, reason: str) -> float:
            """Return how long after the change the last call was sent that was answered."""
            stubs = second.stubs(secret)
            stubs.tenants.WhoAmI(WHO)
            change()
            begin = last = sent = time.monotonic()
            while (failure := failure_or_none(stubs)) is None:
                last, sent = sent, time.monotonic()
                assert sent - begin < 60
            assert failure.reason == reason
            return last - begin

        key, secret = first.tenants.create_api_key(first.tenants.ensure_tenant("acme").id, "one", USUAL)
        children = [create_child_key(first.stubs(secret)).secret for _ in range(2)]
        second.stubs(children[0]).tenants.WhoAmI(WHO)
        name = f"tenants/acme/apiKeys/{key.id}"
        revoked = last_accepted(
            lambda: admin.tenants.DeleteApiKey(tenants.DeleteApiKeyRequest(name=name)), children[0], "API_KEY_INVALID"
        )
        refused(second.stubs(secret).tenants.WhoAmI, WHO)
        suspended = last_accepted(lambda: suspend(admin, "acme"), first.new_key("acme"), "TENANT_SUSPENDED")
        resume(admin, "acme")
        deleted = last_accepted(lambda: delete(admin, "acme"), first.new_key("acme"), "TENANT_DELETED")

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
