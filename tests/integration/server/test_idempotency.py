from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool

from factories.api import (
    cancelled_batch_job,
    cancelled_evaluation,
    cancelled_experiment,
    create_batch_job,
    create_evaluation,
    create_experiment,
    create_saved_prompt,
    create_sweep,
    create_webhook,
    deployment_request,
    experiment_request,
    make_file,
    refused,
    submit_feedback,
    tuned_model,
    upload,
    upload_messages,
    wait_for_deployment,
)
from factories.servers import RunningServer
from foreword.domain.audit import AuditRecord
from foreword.errors import UnavailableError
from foreword.server.registration import SERVICES
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.audit_log import AuditLog
from foreword.v1 import (
    batch_job_service_pb2,
    capture_service_pb2,
    dataset_service_pb2,
    deployment_pb2,
    deployment_service_pb2,
    evaluation_service_pb2,
    quota_pb2,
    saved_prompt_service_pb2,
    tenant_service_pb2,
    tune_experiment_pb2,
    tune_experiment_service_pb2,
    tuned_model_pb2,
    tuned_model_service_pb2,
    usage_service_pb2,
    webhook_pb2,
    webhook_service_pb2,
)

BASE = "baseModels/foreword--starter"


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    return start_server()


@pytest.fixture(scope="module")
def stubs(server: RunningServer):
    return server.stubs()


@pytest.fixture(scope="module")
def dataset(stubs) -> str:
    return upload(stubs, display_name="for runs").name


@pytest.fixture(scope="module")
def deployment(stubs) -> str:
    return stubs.deployments.CreateDeployment(deployment_request(BASE, serving_name="to-update")).name


@pytest.fixture(scope="module")
def saved_prompt(stubs) -> str:
    return create_saved_prompt(stubs).name


@pytest.fixture(scope="module")
def webhook(stubs) -> str:
    return create_webhook(stubs).name


@pytest.fixture(scope="module")
def served(stubs) -> str:
    name: str = stubs.deployments.CreateDeployment(deployment_request(BASE, serving_name="to-roll-back")).name
    wait_for_deployment(stubs, name)
    return name


@pytest.fixture(scope="module", autouse=True)
def model(server: RunningServer) -> str:
    """A tuned model, made before other tests queue experiments."""
    return tuned_model(server, server.stubs())


@pytest.fixture
def experiment(stubs, dataset: str) -> str:
    name: str = create_experiment(stubs, dataset).name
    return name


@pytest.fixture
def cancelled(stubs, dataset: str) -> str:
    return cancelled_experiment(stubs, dataset)


@pytest.fixture
def evaluation(stubs, dataset: str) -> str:
    """A cancelled evaluation."""
    return cancelled_evaluation(stubs, dataset)


@pytest.fixture
def batch_job(stubs, dataset: str) -> str:
    """A cancelled batch job."""
    return cancelled_batch_job(stubs, dataset)


@pytest.fixture
def rolling_out(stubs, model: str) -> str:
    """A deployment with a running canary."""
    name: str = stubs.deployments.CreateDeployment(deployment_request(BASE)).name
    wait_for_deployment(stubs, name)
    stubs.deployments.UpdateDeployment(
        deployment_service_pb2.UpdateDeploymentRequest(deployment={"name": name, "model": model}, canary={"share": 0.1})
    )
    wait_for_deployment(stubs, name)
    return name


def upload_dataset(stubs: Any, _: Any, request_id: str, variant: int) -> Any:
    return upload(stubs, make_file(10 + variant), display_name="replayed", request_id=request_id)


def create_tune_experiment(stubs: Any, dataset: str, request_id: str, variant: int) -> Any:
    return create_experiment(stubs, dataset, request_id=request_id, description=f"variant {variant}")


def update_tune_experiment(stubs: Any, experiment: str, request_id: str, variant: int) -> Any:
    changed = tune_experiment_pb2.TuneExperiment(name=experiment, description=f"{request_id} {variant}")
    return stubs.experiments.UpdateTuneExperiment(
        tune_experiment_service_pb2.UpdateTuneExperimentRequest(tune_experiment=changed, request_id=request_id)
    )


def retry_tune_experiment(stubs: Any, experiment: str, request_id: str, variant: int) -> Any:
    return stubs.experiments.RetryTuneExperiment(
        tune_experiment_service_pb2.RetryTuneExperimentRequest(
            name=experiment, from_beginning=variant == 2, request_id=request_id
        )
    )


def retry_evaluation(stubs: Any, evaluation: str, request_id: str, variant: int) -> Any:
    return stubs.evaluations.RetryEvaluation(
        evaluation_service_pb2.RetryEvaluationRequest(
            name=evaluation, from_beginning=variant == 2, request_id=request_id
        )
    )


def retry_batch_job(stubs: Any, batch_job: str, request_id: str, variant: int) -> Any:
    return stubs.batch_jobs.RetryBatchJob(
        batch_job_service_pb2.RetryBatchJobRequest(name=batch_job, from_beginning=variant == 2, request_id=request_id)
    )


def update_tuned_model(stubs: Any, model: str, request_id: str, variant: int) -> Any:
    changed = tuned_model_pb2.TunedModel(name=model, tags={"variant": f"{request_id} {variant}"})
    return stubs.tuned_models.UpdateTunedModel(
        tuned_model_service_pb2.UpdateTunedModelRequest(tuned_model=changed, request_id=request_id)
    )


def create_tune_sweep(stubs: Any, dataset: str, request_id: str, variant: int) -> Any:
    return create_sweep(stubs, dataset, request_id=request_id, description=f"variant {variant}")


def create_an_evaluation(stubs: Any, dataset: str, request_id: str, variant: int) -> Any:
    return create_evaluation(stubs, dataset, request_id=request_id, description=f"variant {variant}")


def create_a_batch_job(stubs: Any, dataset: str, request_id: str, variant: int) -> Any:
    return create_batch_job(stubs, dataset, request_id=request_id, description=f"variant {variant}")


def create_space(stubs: Any, _: Any, request_id: str, variant: int) -> Any:
    request = deployment_service_pb2.CreateSpaceRequest(space_id=f"{request_id}-{variant}", request_id=request_id)
    return stubs.deployments.CreateSpace(request)


def update_space(stubs: Any, _: Any, request_id: str, variant: int) -> Any:
    space = {"name": "tenants/dev/spaces/default", "description": f"{request_id} {variant}"}
    return stubs.deployments.UpdateSpace(deployment_service_pb2.UpdateSpaceRequest(space=space, request_id=request_id))


def create_deployment(stubs: Any, _: Any, request_id: str, variant: int) -> Any:
    return stubs.deployments.CreateDeployment(
        deployment_request(BASE, description=f"variant {variant}", request_id=request_id)
    )


def update_deployment(stubs: Any, deployment: str, request_id: str, variant: int) -> Any:
    changed = deployment_pb2.Deployment(name=deployment, description=f"{request_id} {variant}")
    return stubs.deployments.UpdateDeployment(
        deployment_service_pb2.UpdateDeploymentRequest(deployment=changed, request_id=request_id)
    )


def rollback_deployment(stubs: Any, served: str, request_id: str, variant: int) -> Any:
    return stubs.deployments.RollbackDeployment(
        deployment_service_pb2.RollbackDeploymentRequest(name=served, revision=variant, request_id=request_id)
    )


def promote_deployment(stubs: Any, deployment: str, request_id: str, variant: int) -> Any:
    """Promote a canary, which the first call ends."""
    request = deployment_service_pb2.PromoteDeploymentRequest(
        name=deployment, revision=0 if variant == 1 else variant, request_id=request_id
    )
    return stubs.deployments.PromoteDeployment(request)


def export_captured_requests(stubs: Any, deployment: str, request_id: str, variant: int) -> Any:
    submit_feedback(stubs, deployment)
    return stubs.captures.ExportCapturedRequests(
        capture_service_pb2.ExportCapturedRequestsRequest(
            name=deployment, display_name="exported", description=f"variant {variant}", request_id=request_id
        )
    )


def create_tenant(stubs: Any, _: Any, request_id: str, variant: int) -> Any:
    return stubs.tenants.CreateTenant(
        tenant_service_pb2.CreateTenantRequest(tenant_id=f"{request_id}-{variant}", request_id=request_id)
    )


def update_tenant(stubs: Any, _: Any, request_id: str, variant: int) -> Any:
    changed = {"name": "tenants/dev", "display_name": f"{request_id} {variant}"}
    return stubs.tenants.UpdateTenant(tenant_service_pb2.UpdateTenantRequest(tenant=changed, request_id=request_id))


def create_a_saved_prompt(stubs: Any, _: Any, request_id: str, variant: int) -> Any:
    return create_saved_prompt(stubs, f"variant {variant}", request_id=request_id)


def update_saved_prompt(stubs: Any, saved_prompt: str, request_id: str, variant: int) -> Any:
    changed = {"name": saved_prompt, "version": {"text": f"{request_id} {variant}"}}
    return stubs.saved_prompts.UpdateSavedPrompt(
        saved_prompt_service_pb2.UpdateSavedPromptRequest(saved_prompt=changed, request_id=request_id)
    )


def create_a_webhook(stubs: Any, _: Any, request_id: str, variant: int) -> Any:
    return create_webhook(stubs, display_name=f"variant {variant}", request_id=request_id)


def update_webhook(stubs: Any, webhook: str, request_id: str, variant: int) -> Any:
    changed = webhook_pb2.Webhook(name=webhook, display_name=f"{request_id} {variant}")
    return stubs.webhooks.UpdateWebhook(
        webhook_service_pb2.UpdateWebhookRequest(webhook=changed, request_id=request_id)
    )


def rotate_webhook_secret(stubs: Any, webhook: str, request_id: str, variant: int) -> Any:
    return stubs.webhooks.RotateWebhookSecret(
        webhook_service_pb2.RotateWebhookSecretRequest(
            name=webhook, overlap={"seconds": variant}, request_id=request_id
        )
    )


def update_quota(stubs: Any, _: Any, request_id: str, variant: int) -> Any:
    return stubs.usage.UpdateQuota(
        usage_service_pb2.UpdateQuotaRequest(
            quota=quota_pb2.Quota(name="tenants/dev/quota", deployments=1000 + variant), request_id=request_id
        )
    )


CALLS: dict[str, tuple[Callable[..., Any], str]] = {
    "UploadDataset": (upload_dataset, ""),
    "CreateTuneExperiment": (create_tune_experiment, "dataset"),
    "UpdateTuneExperiment": (update_tune_experiment, "experiment"),
    "RetryTuneExperiment": (retry_tune_experiment, "cancelled"),
    "RetryEvaluation": (retry_evaluation, "evaluation"),
    "RetryBatchJob": (retry_batch_job, "batch_job"),
    "UpdateTunedModel": (update_tuned_model, "model"),
    "CreateTuneSweep": (create_tune_sweep, "dataset"),
    "CreateEvaluation": (create_an_evaluation, "dataset"),
    "CreateBatchJob": (create_a_batch_job, "dataset"),
    "CreateSpace": (create_space, ""),
    "UpdateSpace": (update_space, ""),
    "CreateDeployment": (create_deployment, ""),
    "UpdateDeployment": (update_deployment, "deployment"),
    "RollbackDeployment": (rollback_deployment, "served"),
    "PromoteDeployment": (promote_deployment, "rolling_out"),
    "ExportCapturedRequests": (export_captured_requests, "deployment"),
    "CreateTenant": (create_tenant, ""),
    "UpdateTenant": (update_tenant, ""),
    "UpdateQuota": (update_quota, ""),
    "CreateSavedPrompt": (create_a_saved_prompt, ""),
    "UpdateSavedPrompt": (update_saved_prompt, "saved_prompt"),
    "CreateWebhook": (create_a_webhook, ""),
    "UpdateWebhook": (update_webhook, "webhook"),
    "RotateWebhookSecret": (rotate_webhook_secret, "webhook"),
}


def test_every_rpc_with_a_request_id_is_tried_here():
    with_id = set()
    for service in SERVICES:
        for method in descriptor_pool.Default().FindServiceByName(service).methods:
            fields = method.input_type.fields_by_name
            nested = fields["header"].message_type.fields_by_name if "header" in fields else {}
            if "request_id" in fields or ("request_id" in nested and method.name.startswith("Upload")):
                with_id.add(method.name)

    assert with_id == set(CALLS)


def argument(request: pytest.FixtureRequest, name: str) -> Any:
    return request.getfixturevalue(name) if name else None


def audited(server: RunningServer, rpc: str) -> Sequence[AuditRecord]:
    """Return the audit records of the changes by an RPC, newest first."""
    of_rpc = ListRequest(filter=f'method : "/{rpc}" AND code = OK', page_size=1000)
    return AuditLog(server.database).list(None, of_rpc).items


@pytest.mark.parametrize("rpc", CALLS)
def test_a_replay_gets_the_same_answer_and_other_content_is_refused(
    server: RunningServer, stubs, request: pytest.FixtureRequest, rpc: str
):
    call, needs = CALLS[rpc]
    given = argument(request, needs)
    recorded = len(audited(server, rpc))

    first = call(stubs, given, "replay", 1)
    again = call(stubs, given, "replay", 1)
    other = refused(call, stubs, given, "replay", 2)

    assert again.name == first.name
    assert other.code is grpc.StatusCode.ALREADY_EXISTS
    assert other.reason == "REQUEST_ID_REUSED"
    newest, *earlier = audited(server, rpc)
    assert len(earlier) == recorded, "the change leaves one audit record, and the replay none"
    assert newest.resource == first.name


@pytest.mark.parametrize("rpc", CALLS)
def test_replays_that_race_make_one_resource(stubs, request: pytest.FixtureRequest, rpc: str):
    call, needs = CALLS[rpc]
    given = argument(request, needs)
    names: list[str] = []

    threads = [threading.Thread(target=lambda: names.append(call(stubs, given, "race", 1).name)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(names) == 4
    assert len(set(names)) == 1


def test_a_replay_has_the_secret_until_a_newer_one_is_made(stubs):
    webhook = create_webhook(stubs, display_name="secret", request_id="secret")
    rotated = rotate_webhook_secret(stubs, webhook.name, "first rotation", 1)

    first = rotate_webhook_secret(stubs, webhook.name, "first rotation", 1)
    second = rotate_webhook_secret(stubs, webhook.name, "second rotation", 1)

    assert first.secret == rotated.secret
    assert len({webhook.secret, first.secret, second.secret}) == 3
    assert create_webhook(stubs, display_name="secret", request_id="secret").secret == ""
    assert rotate_webhook_secret(stubs, webhook.name, "first rotation", 1).secret == ""


def test_request_ids_of_two_tenants_have_nothing_to_do_with_each_other(server: RunningServer, stubs):
    other = server.stubs(server.new_key("globex"))

    mine = upload(stubs, make_file(11), request_id="shared")
    theirs = upload(other, make_file(12), request_id="shared")

    assert mine.name.startswith("tenants/dev/")
    assert theirs.name.startswith("tenants/globex/")


def test_a_replayed_upload_leaves_no_second_copy_of_the_rows(server: RunningServer, stubs):
    dataset = upload(stubs, make_file(13), request_id="one copy")
    upload(stubs, make_file(13), request_id="one copy")

    copies = list((server.settings.home / "artifacts").rglob("rows.jsonl"))

    assert sum(dataset.content_sha256 in str(path) for path in copies) == 1


def rows_of(stubs, name: str) -> int:
    return len(stubs.datasets.ListDatasetRows(dataset_service_pb2.ListDatasetRowsRequest(name=name)).rows)


def test_an_upload_whose_answer_got_lost_has_its_rows_when_it_is_repeated(
    server: RunningServer, stubs, monkeypatch: pytest.MonkeyPatch
):
    write_tenant = server.database.write_tenant

    @contextmanager
    def answer_lost(tenant: str) -> Iterator[Any]:
        with write_tenant(tenant) as session:
            yield session
        raise UnavailableError("The connection broke after the commit.", reason="DATABASE_UNAVAILABLE")

    with monkeypatch.context() as patch:
        patch.setattr(server.database, "write_tenant", answer_lost)
        failure = refused(stubs.datasets.UploadDataset, upload_messages(make_file(16), request_id="unanswered"))
    dataset = upload(stubs, make_file(16), request_id="unanswered")

    assert failure.code is grpc.StatusCode.UNAVAILABLE
    assert rows_of(stubs, dataset.name) == 16


def test_a_replay_brings_rows_back_that_were_lost_since(server: RunningServer, stubs):
    dataset = upload(stubs, make_file(17), request_id="lost rows")
    for path in (server.settings.home / "artifacts").rglob("rows.jsonl"):
        if dataset.content_sha256 in str(path):
            path.unlink()

    again = upload(stubs, make_file(17), request_id="lost rows")

    assert again.name == dataset.name
    assert rows_of(stubs, dataset.name) == 17


def test_a_replay_is_answered_although_its_dataset_is_gone(server: RunningServer, stubs):
    name = upload(stubs, make_file(14), display_name="short-lived").name
    request = experiment_request(name, request_id="outlives")
    first = stubs.experiments.CreateTuneExperiment(request)
    stubs.experiments.CancelTuneExperiment(tune_experiment_service_pb2.CancelTuneExperimentRequest(name=first.name))
    stubs.datasets.DeleteDataset(dataset_service_pb2.DeleteDatasetRequest(name=name))

    assert stubs.experiments.CreateTuneExperiment(request).name == first.name


def test_a_replay_of_a_deleted_resource_is_reported(stubs):
    name = upload(stubs, make_file(15), request_id="deleted").name
    stubs.datasets.DeleteDataset(dataset_service_pb2.DeleteDatasetRequest(name=name))

    failure = refused(stubs.datasets.UploadDataset, upload_messages(make_file(15), request_id="deleted"))

    assert failure.code is grpc.StatusCode.NOT_FOUND
    assert "new request_id" in failure.message
