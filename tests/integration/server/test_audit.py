"""Every change leaves one audit record, refused calls are counted, and the log shows if a record is missing."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest

from factories.api import (
    cancelled_experiment,
    create_batch_job,
    create_evaluation,
    create_experiment,
    create_saved_prompt,
    create_sweep,
    create_webhook,
    deployment_request,
    experiment_request,
    refused,
    submit_feedback,
    tuned_model,
    upload,
)
from factories.receivers import FAST, LOOPBACK, running_receiver
from factories.rpcs import every_rpc
from factories.servers import RunningServer
from factories.service_process import ServiceProcess
from factories.waiting import wait_until
from foreword.client import Client
from foreword.domain.audit import AuditRecord, chain_fault
from foreword.domain.tenant import Scope
from foreword.server.audit.mutations import MUTATIONS
from foreword.storage.database import Database
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.audit_log import AuditLog
from foreword.storage.repositories.spaces import SpaceRepository
from foreword.v1 import (
    batch_job_service_pb2,
    capture_service_pb2,
    dataset_service_pb2,
    deployment_service_pb2,
    evaluation_service_pb2,
    saved_prompt_service_pb2,
    tenant_service_pb2,
    tune_experiment_service_pb2,
    tune_sweep_service_pb2,
    tuned_model_service_pb2,
    webhook_service_pb2,
)

BASE = "baseModels/foreword--starter"


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    return start_server(trusted_proxies="127.0.0.1", delivery_times=FAST, **LOOPBACK)


@pytest.fixture(scope="module")
def stubs(server: RunningServer) -> Any:
    return server.stubs()


@pytest.fixture(scope="module")
def made(server: RunningServer, stubs: Any) -> dict[str, Any]:
    """Names of resources to cancel or to delete."""
    model = tuned_model(server, stubs)
    dataset = upload(stubs).name
    with running_receiver() as receiver:
        webhook = create_webhook(stubs, receiver.url).name
    deployment = stubs.deployments.CreateDeployment(deployment_request(BASE, serving_name="audited")).name
    submit_feedback(stubs, deployment)
    spare = stubs.deployments.CreateDeployment(deployment_request(BASE, serving_name="spare")).name
    sweep = create_sweep(stubs, dataset).name
    stubs.sweeps.CancelTuneSweep(tune_sweep_service_pb2.CancelTuneSweepRequest(name=sweep))
    evaluation = create_evaluation(stubs, dataset).name
    stubs.evaluations.CancelEvaluation(evaluation_service_pb2.CancelEvaluationRequest(name=evaluation))
    batch_job = create_batch_job(stubs, dataset).name
    stubs.batch_jobs.CancelBatchJob(batch_job_service_pb2.CancelBatchJobRequest(name=batch_job))
    server.tenants.ensure_tenant("spare")
    return {
        "key": server.stubs(server.new_key("dev", [Scope.READ])),
        "model": model,
        "dataset": dataset,
        "webhook": webhook,
        "deployment": deployment,
        "spare": spare,
        "sweep": sweep,
        "evaluation": evaluation,
        "batch_job": batch_job,
        "experiment": cancelled_experiment(stubs, dataset),
        "space": stubs.deployments.CreateSpace(deployment_service_pb2.CreateSpaceRequest(space_id="spare")).name,
        "delivery": stubs.webhooks.ListWebhookDeliveries(
            webhook_service_pb2.ListWebhookDeliveriesRequest(parent=webhook)
        )
        .deliveries[0]
        .name,
    }


def key_of(stubs: Any) -> str:
    name: str = stubs.tenants.CreateApiKey(tenant_service_pb2.CreateApiKeyRequest(parent="tenants/dev")).name
    return name


# RPCs without a request id. `test_idempotency` checks the records of the others.
CALLS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "CancelTuneExperiment": lambda stubs, made: stubs.experiments.CancelTuneExperiment(
        tune_experiment_service_pb2.CancelTuneExperimentRequest(name=create_experiment(stubs, made["dataset"]).name)
    ),
    "CancelTuneSweep": lambda stubs, made: stubs.sweeps.CancelTuneSweep(
        tune_sweep_service_pb2.CancelTuneSweepRequest(name=create_sweep(stubs, made["dataset"]).name)
    ),
    "CancelEvaluation": lambda stubs, made: stubs.evaluations.CancelEvaluation(
        evaluation_service_pb2.CancelEvaluationRequest(name=create_evaluation(stubs, made["dataset"]).name)
    ),
    "CancelBatchJob": lambda stubs, made: stubs.batch_jobs.CancelBatchJob(
        batch_job_service_pb2.CancelBatchJobRequest(name=create_batch_job(stubs, made["dataset"]).name)
    ),
    "CreateApiKey": lambda stubs, made: stubs.tenants.CreateApiKey(
        tenant_service_pb2.CreateApiKeyRequest(parent="tenants/dev")
    ),
    "CreateChildApiKey": lambda stubs, made: made["key"].tenants.CreateChildApiKey(
        tenant_service_pb2.CreateChildApiKeyRequest(api_key={"scopes": ["SCOPE_READ"]})
    ),
    "SuspendTenant": lambda stubs, made: stubs.tenants.SuspendTenant(
        tenant_service_pb2.SuspendTenantRequest(name="tenants/spare", reason="a secret")
    ),
    "ResumeTenant": lambda stubs, made: stubs.tenants.ResumeTenant(
        tenant_service_pb2.ResumeTenantRequest(name="tenants/spare")
    ),
    "DeleteTenant": lambda stubs, made: stubs.tenants.DeleteTenant(
        tenant_service_pb2.DeleteTenantRequest(name="tenants/spare")
    ),
    "UndeleteTenant": lambda stubs, made: stubs.tenants.UndeleteTenant(
        tenant_service_pb2.UndeleteTenantRequest(name="tenants/spare")
    ),
    "DeleteApiKey": lambda stubs, made: stubs.tenants.DeleteApiKey(
        tenant_service_pb2.DeleteApiKeyRequest(name=key_of(stubs))
    ),
    "TestWebhook": lambda stubs, made: stubs.webhooks.TestWebhook(
        webhook_service_pb2.TestWebhookRequest(name=made["webhook"])
    ),
    "RedeliverWebhookDelivery": lambda stubs, made: stubs.webhooks.RedeliverWebhookDelivery(
        webhook_service_pb2.RedeliverWebhookDeliveryRequest(name=made["delivery"])
    ),
    "DeleteCapturedRequests": lambda stubs, made: stubs.captures.DeleteCapturedRequests(
        capture_service_pb2.DeleteCapturedRequestsRequest(name=made["deployment"], filter="*")
    ),
    "DeleteTuneExperiment": lambda stubs, made: stubs.experiments.DeleteTuneExperiment(
        tune_experiment_service_pb2.DeleteTuneExperimentRequest(name=made["experiment"])
    ),
    "DeleteTuneSweep": lambda stubs, made: stubs.sweeps.DeleteTuneSweep(
        tune_sweep_service_pb2.DeleteTuneSweepRequest(name=made["sweep"])
    ),
    "DeleteEvaluation": lambda stubs, made: stubs.evaluations.DeleteEvaluation(
        evaluation_service_pb2.DeleteEvaluationRequest(name=made["evaluation"])
    ),
    "DeleteBatchJob": lambda stubs, made: stubs.batch_jobs.DeleteBatchJob(
        batch_job_service_pb2.DeleteBatchJobRequest(name=made["batch_job"])
    ),
    "DeleteTunedModel": lambda stubs, made: stubs.tuned_models.DeleteTunedModel(
        tuned_model_service_pb2.DeleteTunedModelRequest(name=made["model"])
    ),
    "DeleteDeployment": lambda stubs, made: stubs.deployments.DeleteDeployment(
        deployment_service_pb2.DeleteDeploymentRequest(name=made["spare"])
    ),
    "DeleteSpace": lambda stubs, made: stubs.deployments.DeleteSpace(
        deployment_service_pb2.DeleteSpaceRequest(name=made["space"])
    ),
    "DeleteSavedPrompt": lambda stubs, made: stubs.saved_prompts.DeleteSavedPrompt(
        saved_prompt_service_pb2.DeleteSavedPromptRequest(name=create_saved_prompt(stubs).name)
    ),
    "DeleteWebhook": lambda stubs, made: stubs.webhooks.DeleteWebhook(
        webhook_service_pb2.DeleteWebhookRequest(name=made["webhook"])
    ),
    "DeleteDataset": lambda stubs, made: stubs.datasets.DeleteDataset(
        dataset_service_pb2.DeleteDatasetRequest(name=upload(stubs, display_name="to delete").name)
    ),
}
"""In an order in which each still finds what it needs."""


def records(server: RunningServer, condition: str, tenant: str | None = None) -> Sequence[AuditRecord]:
    """Return the records that meet a condition, newest first."""
    return AuditLog(server.database).list(tenant, ListRequest(filter=condition, page_size=1000)).items


def test_every_rpc_that_changes_something_is_recorded():
    """Those with a request id are in `test_idempotency`, which checks that it has all of them."""
    without_id = set()
    for method in every_rpc():
        if f"/{method.containing_service.full_name}/{method.name}" in MUTATIONS:
            fields = method.input_type.fields_by_name
            if "request_id" not in fields and "header" not in fields:
                without_id.add(method.name)

    assert without_id == set(CALLS)
    reads = {"Get", "Lis", "Wat", "Che", "Com", "Mea", "Exp", "Who", "Gen", "Str", "Bat", "Cla", "Tok", "Sub"}
    others = {method.name for method in every_rpc()} - {name.rpartition("/")[2] for name in MUTATIONS}
    assert {name for name in others if name[:3] not in reads} == set()


@pytest.mark.parametrize("rpc", CALLS)
def test_a_change_leaves_one_record(server: RunningServer, stubs: Any, made: dict[str, Any], rpc: str):
    condition = f'method : "/{rpc}" AND code = OK'
    before = len(records(server, condition))

    answer = CALLS[rpc](stubs, made)

    newest, *earlier = records(server, condition)
    assert len(earlier) == before
    assert newest.actor_tenant == "dev"
    assert newest.resource.startswith(f"tenants/{newest.tenant}")
    if getattr(answer, "name", ""):
        assert newest.resource == answer.name


def test_a_record_says_who_what_from_where_and_which_fields_but_no_values(server: RunningServer):
    stubs = server.stubs(server.new_key("acme"))
    metadata = [("x-forwarded-for", "2001:db8::7"), ("x-request-id", "ticket-17")]
    request = deployment_service_pb2.CreateSpaceRequest(space_id="live", space={"description": "secret plans"})
    stubs.deployments.CreateSpace(request, metadata=metadata)
    update = deployment_service_pb2.UpdateSpaceRequest(
        space={"name": "tenants/acme/spaces/live", "description": "x", "tags": ["y"]}, update_mask={"paths": ["tags"]}
    )
    stubs.deployments.UpdateSpace(update)

    changed, created = records(server, 'method : "Space"', "acme")
    assert (created.method, created.resource) == ("DeploymentService/CreateSpace", "tenants/acme/spaces/live")
    assert (created.peer, created.request_id) == ("2001:db8::7", "ticket-17")
    assert len(created.actor) == 16
    assert created.changed_fields == ("description", "space_id")
    assert changed.changed_fields == ("tags",)
    assert "secret plans" not in repr(created)


def test_a_request_that_only_validates_or_fails_leaves_no_record_of_a_change(server: RunningServer):
    stubs = server.stubs(server.new_key("careful"))
    dataset = upload(stubs).name
    stubs.experiments.CreateTuneExperiment(experiment_request(dataset, validate_only=True))
    stubs.deployments.CreateDeployment(
        deployment_service_pb2.CreateDeploymentRequest(deployment={"model": BASE}, validate_only=True)
    )
    missing = deployment_service_pb2.DeleteDeploymentRequest(name="tenants/careful/spaces/default/deployments/none")
    refused(stubs.deployments.DeleteDeployment, missing)

    (failed,) = counted(server, "code != OK", 1, "careful")
    changes = [record.method for record in records(server, "code = OK", "careful")]
    assert changes == ["DatasetService/UploadDataset"]
    assert (failed.method, failed.code, failed.count) == ("DeploymentService/DeleteDeployment", "NOT_FOUND", 1)


def counted(server: RunningServer, condition: str, calls: int, tenant: str | None = None) -> Sequence[AuditRecord]:
    """Return the records of refused calls when all of them are counted, which may be after their answers."""

    def all_counted() -> bool:
        server.settle_refusals()
        return sum(record.count for record in records(server, condition, tenant)) >= calls

    wait_until(all_counted)
    found = records(server, condition, tenant)
    assert sum(record.count for record in found) == calls
    return found


def test_refused_calls_are_counted_by_key_method_and_reason(server: RunningServer):
    reader, stranger = server.stubs(server.new_key("refused", [Scope.READ])), server.stubs("wrong")
    for _ in range(5):
        refused(reader.deployments.CreateSpace, deployment_service_pb2.CreateSpaceRequest(space_id="x"))
        refused(stranger.tenants.WhoAmI, tenant_service_pb2.WhoAmIRequest())

    denied = counted(server, "code = PERMISSION_DENIED", 5, "refused")[0]
    unknown = counted(server, 'code = UNAUTHENTICATED AND method : WhoAmI AND tenant = ""', 5)[0]
    assert (denied.method, denied.actor_tenant, len(denied.actor)) == ("DeploymentService/CreateSpace", "refused", 16)
    assert (unknown.actor, unknown.peer, unknown.reason) == ("", "127.0.0.1", "API_KEY_INVALID")


def test_calls_of_a_suspended_tenant_are_counted_with_their_key(server: RunningServer, stubs: Any):
    suspended = server.stubs(server.new_key("unpaid"))
    key = suspended.tenants.WhoAmI(tenant_service_pb2.WhoAmIRequest()).api_key
    stubs.tenants.SuspendTenant(tenant_service_pb2.SuspendTenantRequest(name="tenants/unpaid"))
    refused(suspended.tenants.WhoAmI, tenant_service_pb2.WhoAmIRequest())

    (found,) = counted(server, "reason = TENANT_SUSPENDED", 1, "unpaid")
    assert (found.tenant, found.actor, found.method) == ("unpaid", key.rpartition("/")[2], "TenantService/WhoAmI")


def test_a_flood_of_refused_calls_leaves_few_records(server: RunningServer):
    stubs = server.stubs(server.new_key("flood", [Scope.INFER]))
    for number in range(60):
        metadata = [("x-forwarded-for", f"192.0.2.{number}")]
        with pytest.raises(grpc.RpcError):
            stubs.deployments.CreateSpace(deployment_service_pb2.CreateSpaceRequest(), metadata=metadata)

    found = counted(server, "code = PERMISSION_DENIED", 60, "flood")
    assert len(found) <= 22
    assert "various" in {record.peer for record in found}


def test_counts_of_refused_calls_survive_an_outage_of_the_database(start_server):
    server = start_server()
    for _ in range(3):
        refused(server.stubs("wrong").tenants.WhoAmI, tenant_service_pb2.WhoAmIRequest())
    file = server.database.file
    away = file.rename(file.with_name("away.db"))
    server.settle_refusals()
    away.rename(file)

    assert counted(server, "code = UNAUTHENTICATED", 3)[0].reason == "API_KEY_INVALID"


def test_concurrent_changes_of_a_tenant_form_one_chain(server: RunningServer):
    key = server.new_key("busy")

    def work(number: int) -> None:
        stubs = server.stubs(key)
        for step in range(5):
            stubs.deployments.CreateSpace(deployment_service_pb2.CreateSpaceRequest(space_id=f"s-{number}-{step}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with Client(server.endpoint, "dev") as client:
        (chain,) = client.list_audit_chains("busy")
        assert chain.last_sequence == 20
        assert client.check_audit_chain(chain) == ""


@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.soak)])
def test_an_acknowledged_change_has_its_record_after_the_server_is_killed(tmp_path: Path, kills: int):
    acknowledged: list[str] = []
    for kill in range(kills):
        with ServiceProcess(tmp_path / "home") as service:
            stubs = [service.stubs("dev") for _ in range(3)]
            enough = len(acknowledged) + 20 + 7 * kill
            threads = [threading.Thread(target=work, args=(stubs[number], acknowledged)) for number in range(3)]
            for thread in threads:
                thread.start()
            while len(acknowledged) < enough:
                time.sleep(0.001)
            os.kill(service.pid, signal.SIGKILL)
            for thread in threads:
                thread.join()
    database = Database(tmp_path / "home" / "foreword.db")
    try:
        names = [record.resource for record in every(AuditLog(database).list, "method : CreateSpace")]
        spaces = [item.id for item in every(lambda _, request: SpaceRepository(database, "dev").list(request))]
        (chain,) = AuditLog(database).list_chains("dev").items
        fault = chain_fault(reversed(every(AuditLog(database).list)), chain)
    finally:
        database.close()

    assert set(acknowledged) <= set(names)
    assert sorted(names) == [f"tenants/dev/spaces/{id}" for id in sorted(spaces) if id != "default"]
    assert len(names) == len(set(names))
    assert fault == ""


def work(stubs: Any, acknowledged: list[str]) -> None:
    """Create spaces until the server is gone."""
    while True:
        request = deployment_service_pb2.CreateSpaceRequest(space_id=f"s{secrets.token_hex(8)}")
        try:
            acknowledged.append(stubs.deployments.CreateSpace(request).name)
        except grpc.RpcError:
            return


def every(read: Callable[..., Any], condition: str = "") -> list[Any]:
    """Return the items of all pages of a list of the tenant `dev`."""
    found: list[Any] = []
    token = ""
    while True:
        page = read("dev", ListRequest(filter=condition, page_size=1000, page_token=token))
        found += page.items
        if not page.next_page_token:
            return found
        token = page.next_page_token
