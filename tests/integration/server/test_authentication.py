from __future__ import annotations

import datetime as dt

import grpc
import pytest

from factories.api import create_experiment, failure_of, refused, upload
from factories.servers import RunningServer
from foreword.domain.tenant import Scope
from foreword.v1 import dataset_service_pb2, tenant_pb2, tenant_service_pb2, tune_experiment_service_pb2

WHO = tenant_service_pb2.WhoAmIRequest()


def test_a_call_without_a_key_is_unauthenticated_and_the_error_explains_how_to_send_one(server: RunningServer):
    failure = refused(server.stubs(key=None).tenants.WhoAmI, WHO)

    assert failure.code is grpc.StatusCode.UNAUTHENTICATED
    assert failure.reason == "API_KEY_MISSING"
    assert "authorization: Bearer" in failure.message


@pytest.mark.parametrize("key", ["no-key", "fw_", "fw_0123456789abcdef_wrong", "fw__x", "DEV", "dev2", "f" * 5000])
def test_a_wrong_key_is_unauthenticated(server: RunningServer, key: str):
    failure = refused(server.stubs(key).tenants.WhoAmI, WHO)

    assert failure.code is grpc.StatusCode.UNAUTHENTICATED
    assert failure.reason == "API_KEY_INVALID"
    assert key not in failure.message


def test_the_right_id_with_another_secret_is_refused(server: RunningServer):
    secret = server.new_key("acme")

    failure = refused(server.stubs(secret[:-1] + ("a" if secret[-1] != "a" else "b")).tenants.WhoAmI, WHO)

    assert failure.code is grpc.StatusCode.UNAUTHENTICATED


def test_a_key_speaks_for_its_tenant(server: RunningServer):
    answer = server.stubs(server.new_key("acme", [Scope.READ])).tenants.WhoAmI(WHO)

    assert answer.tenant == "tenants/acme"
    assert answer.api_key.startswith("tenants/acme/apiKeys/")
    assert list(answer.scopes) == [tenant_pb2.SCOPE_READ]
    assert answer.server_version


def test_the_dev_key_speaks_for_tenant_dev_with_every_scope(server: RunningServer):
    answer = server.stubs("dev").tenants.WhoAmI(WHO)

    assert answer.tenant == "tenants/dev"
    assert answer.api_key == ""
    assert len(answer.scopes) == len(Scope)


def test_without_dev_the_dev_key_is_wrong(start_server):
    failure = refused(start_server(dev=False).stubs("dev").tenants.WhoAmI, WHO)

    assert failure.code is grpc.StatusCode.UNAUTHENTICATED


def test_a_key_without_the_scope_is_denied_with_the_scope_named(server: RunningServer):
    stubs = server.stubs(server.new_key("acme", [Scope.INFER]))

    failure = refused(stubs.datasets.ListDatasets, dataset_service_pb2.ListDatasetsRequest())

    assert failure.code is grpc.StatusCode.PERMISSION_DENIED
    assert failure.metadata == {"scope": "read"}


def test_an_expired_key_is_refused(server: RunningServer):
    expire_time = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
    server.tenants.ensure_tenant("acme")
    _, secret = server.tenants.create_api_key("acme", "short", [Scope.READ], expire_time)
    stubs = server.stubs(secret)
    stubs.tenants.WhoAmI(WHO)

    server.pass_time(61)

    assert refused(stubs.tenants.WhoAmI, WHO).reason == "API_KEY_EXPIRED"


def test_a_key_revoked_here_is_refused_at_once(server: RunningServer):
    admin = server.stubs("dev")
    admin.tenants.CreateTenant(tenant_service_pb2.CreateTenantRequest(tenant_id="revoked"))
    key = admin.tenants.CreateApiKey(tenant_service_pb2.CreateApiKeyRequest(parent="tenants/revoked"))
    stubs = server.stubs(key.secret)
    stubs.tenants.WhoAmI(WHO)

    admin.tenants.DeleteApiKey(tenant_service_pb2.DeleteApiKeyRequest(name=key.name))

    assert refused(stubs.tenants.WhoAmI, WHO).code is grpc.StatusCode.UNAUTHENTICATED


def test_a_key_revoked_elsewhere_is_refused_within_a_second(server: RunningServer):
    server.tenants.ensure_tenant("acme")
    key, secret = server.tenants.create_api_key("acme", "elsewhere", [Scope.READ])
    stubs = server.stubs(secret)
    stubs.tenants.WhoAmI(WHO)

    server.tenants.delete_api_key("acme", key.id)
    server.pass_time(1.05)

    assert refused(stubs.tenants.WhoAmI, WHO).code is grpc.StatusCode.UNAUTHENTICATED


def test_a_watch_ends_when_its_key_is_revoked(start_server):
    server = start_server()
    server.tenants.ensure_tenant("acme")
    key, secret = server.tenants.create_api_key("acme", "watching", [Scope.READ, Scope.WRITE])
    stubs = server.stubs(secret)
    name = create_experiment(stubs, upload(stubs).name).name
    watch = stubs.experiments.WatchTuneExperiment(
        tune_experiment_service_pb2.WatchTuneExperimentRequest(name=name), timeout=60
    )
    next(watch)

    server.tenants.delete_api_key("acme", key.id)
    with pytest.raises(grpc.RpcError) as caught:
        next(watch)

    assert failure_of(caught.value).code is grpc.StatusCode.UNAUTHENTICATED
