"""Another tenant's resource does not exist: every RPC that takes a name, with every kind of resource."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, MethodDescriptor

from factories.api import (
    create_batch_job,
    create_evaluation,
    create_experiment,
    create_saved_prompt,
    create_sweep,
    create_webhook,
    deployed,
    refused,
    tuned_model,
    upload,
)
from factories.rpcs import rpc_of
from factories.servers import RunningServer
from foreword.domain.tenant import Scope
from foreword.server.callers.scopes import SCOPES
from foreword.server.registration import SERVICES
from foreword.v1 import inference_service_pb2, tenant_service_pb2, webhook_service_pb2

NAMES = {
    "dataset": "tenants/{tenant}/datasets/{dataset}",
    "tune_experiment": "tenants/{tenant}/tuneExperiments/{tune_experiment}",
    "tune_sweep": "tenants/{tenant}/tuneSweeps/{tune_sweep}",
    "evaluation": "tenants/{tenant}/evaluations/{evaluation}",
    "batch_job": "tenants/{tenant}/batchJobs/{batch_job}",
    "tuned_model": "tenants/{tenant}/tunedModels/{tuned_model}",
    "space": "tenants/{tenant}/spaces/default",
    "deployment": "tenants/{tenant}/spaces/default/deployments/{deployment}",
    "saved_prompt": "tenants/{tenant}/savedPrompts/{saved_prompt}",
    "webhook": "tenants/{tenant}/webhooks/{webhook}",
    "delivery": "tenants/{tenant}/webhooks/{webhook}/deliveries/{delivery}",
    "tenant": "tenants/{tenant}",
    "quota": "tenants/{tenant}/quota",
}
POLICY = {"metric": "micro_f1", "dataset": "tenants/intruder/datasets/x"}
# What besides the name a request needs to be well formed, so that nothing but the name can be at fault.
VALID: dict[str, dict[str, Any]] = {
    "Generate": {"text": "x"},
    "StreamGenerate": {"text": "x"},
    "BatchGenerate": {"requests": [{"text": "x"}]},
    "Classify": {"text": "x"},
    "Tokenize": {"text": "x"},
    "CreateSpace": {"space_id": "other", "space": {"policy": POLICY}},
    "UpdateSpace": {"space": {"name": "tenants/intruder/spaces/default", "policy": POLICY}},
    "CreateDeployment": {"deployment": {"model": "baseModels/foreword--starter"}},
    "CreateTuneExperiment": {"tune_experiment": {"display_name": "x", "dataset": "tenants/intruder/datasets/x"}},
    "CreateTuneSweep": {
        "tune_sweep": {
            "display_name": "x",
            "tune_experiment": {"dataset": "tenants/intruder/datasets/x"},
            "num_seeds": 2,
        }
    },
    "CompareTuneExperiments": {"names": [f"tenants/intruder/tuneExperiments/{id}" for id in "xy"]},
    "CreateEvaluation": {
        "evaluation": {
            "display_name": "x",
            "dataset": "tenants/intruder/datasets/x",
            "systems": [{"model": "baseModels/foreword--starter"}],
        }
    },
    "CreateBatchJob": {
        "batch_job": {
            "display_name": "x",
            "dataset": "tenants/intruder/datasets/x",
            "model": "baseModels/foreword--starter",
            "classify": {"labels": ["good", "bad"]},
        }
    },
    "UploadDataset": {"header": {"display_name": "x"}},
    "DeleteCapturedRequests": {"filter": "*"},
    "SubmitFeedback": {"feedback": {"request_id": "x", "input": "x", "score": 1.0}},
    "ExportCapturedRequests": {"display_name": "x"},
    "CreateSavedPrompt": {"saved_prompt": {"version": {"text": "x"}}},
    "UpdateSavedPrompt": {"saved_prompt": {"version": {"text": "x"}}},
    "CreateWebhook": {"webhook": {"url": "https://hooks.example.com/", "kinds": ["*"]}},
    "UpdateWebhook": {"webhook": {"kinds": ["*"]}},
}
# Fields that hold a name, by RPC: path and kinds of resource. The rest follows from `name` and `parent`.
NAMED: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    **{
        name: [("model", ("tuned_model", "deployment"))]
        for name in ("Generate", "StreamGenerate", "BatchGenerate", "Classify", "Tokenize")
    },
    "CreateDeployment": [("deployment.model", ("tuned_model",)), ("parent", ("space",))],
    "UpdateDeployment": [("deployment.name", ("deployment",))],
    "CreateSpace": [("space.policy.dataset", ("dataset",)), ("parent", ("tenant",))],
    "UpdateSpace": [("space.name", ("space",)), ("space.policy.dataset", ("dataset",))],
    "ListDeployments": [("parent", ("space",))],
    "CreateTuneExperiment": [("tune_experiment.dataset", ("dataset",)), ("parent", ("tenant",))],
    "UpdateTuneExperiment": [("tune_experiment.name", ("tune_experiment",))],
    "CompareTuneExperiments": [("names", ("tune_experiment",)), ("parent", ("tenant",))],
    "CreateTuneSweep": [("tune_sweep.tune_experiment.dataset", ("dataset",)), ("parent", ("tenant",))],
    "UpdateTunedModel": [("tuned_model.name", ("tuned_model",))],
    "CreateEvaluation": [
        ("evaluation.dataset", ("dataset",)),
        ("parent", ("tenant",)),
    ],
    "ListEvaluationRows": [("name", ("evaluation",))],
    "CreateBatchJob": [
        ("batch_job.dataset", ("dataset",)),
        ("parent", ("tenant",)),
    ],
    "ListBatchAnswers": [("name", ("batch_job",))],
    "ListCapturedRequests": [("name", ("deployment",))],
    "DeleteCapturedRequests": [("name", ("deployment",))],
    "SubmitFeedback": [("deployment", ("deployment",))],
    "ExportCapturedRequests": [("name", ("deployment",))],
    "MeasureDrift": [("name", ("deployment",))],
    "UploadDataset": [("header.parent", ("tenant",))],
    "CheckDataset": [("header.parent", ("tenant",))],
    "GetDataset": [("name", ("dataset",))],
    "DeleteDataset": [("name", ("dataset",))],
    "ListDatasetRows": [("name", ("dataset",))],
    "UpdateSavedPrompt": [("saved_prompt.name", ("saved_prompt",))],
    "ListSavedPromptVersions": [("parent", ("saved_prompt",))],
    "CreateWebhook": [("webhook.space", ("space",)), ("parent", ("tenant",))],
    "UpdateWebhook": [("webhook.name", ("webhook",))],
    "RotateWebhookSecret": [("name", ("webhook",))],
    "ListWebhookDeliveries": [("parent", ("webhook",))],
}
OF_NOUN = {
    "Space": "space",
    "Deployment": "deployment",
    "TuneExperiment": "tune_experiment",
    "TuneSweep": "tune_sweep",
    "Evaluation": "evaluation",
    "BatchJob": "batch_job",
    "TunedModel": "tuned_model",
    "SavedPrompt": "saved_prompt",
    "Webhook": "webhook",
    "WebhookDelivery": "delivery",
    "Quota": "quota",
}
UNNAMED = {"AuditService", "CatalogService", "TenantService"}


def cases() -> Iterator[Any]:
    """Service, method, field and kind of resource for every name that an RPC takes."""
    for service in SERVICES:
        short = service.split(".")[-1]
        if short in UNNAMED:  # belongs to no tenant; manages all of them
            continue
        for method in descriptor_pool.Default().FindServiceByName(service).methods:
            if SCOPES[f"/{service}/{method.name}"] is Scope.ADMIN:  # administrators manage all tenants
                continue
            for field, kinds in named_fields(method):
                for kind in kinds:
                    yield pytest.param(short, method, field, kind, id=f"{method.name}-{field}-{kind}")


def named_fields(method: MethodDescriptor) -> list[tuple[str, tuple[str, ...]]]:
    if method.name in NAMED:
        return NAMED[method.name]
    fields = method.input_type.fields_by_name
    if "name" in fields:
        noun = next(noun for noun in OF_NOUN if method.name.endswith(noun))
        return [("name", (OF_NOUN[noun],))]
    assert "parent" in fields, f"{method.name} takes no name: tell this test what to try"
    return [("parent", ("tenant",))]


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    return start_server()


@pytest.fixture(scope="module")
def owned(server: RunningServer) -> dict[str, str]:
    """The ids of the resources of the tenant `owner`."""
    stubs = server.stubs(server.new_key("owner"))
    webhook = create_webhook(stubs)
    deployed(server, stubs, "owned")
    model = tuned_model(server, stubs)
    deliveries = stubs.webhooks.ListWebhookDeliveries(
        webhook_service_pb2.ListWebhookDeliveriesRequest(parent=webhook.name)
    )
    dataset = upload(stubs)
    experiment = create_experiment(stubs, dataset.name)
    sweep = create_sweep(stubs, dataset.name)
    return {
        "dataset": dataset.name.rsplit("/", 1)[1],
        "tune_experiment": experiment.name.rsplit("/", 1)[1],
        "tune_sweep": sweep.name.rsplit("/", 1)[1],
        "evaluation": create_evaluation(stubs, dataset.name, model).name.rsplit("/", 1)[1],
        "batch_job": create_batch_job(stubs, dataset.name).name.rsplit("/", 1)[1],
        "tuned_model": model.rsplit("/", 1)[1],
        "deployment": "owned",
        "saved_prompt": create_saved_prompt(stubs).name.rsplit("/", 1)[1],
        "webhook": webhook.name.rsplit("/", 1)[1],
        "delivery": deliveries.deliveries[0].name.rsplit("/", 1)[1],
    }


@pytest.fixture(scope="module")
def intruder(server: RunningServer) -> Any:
    return server.stubs(server.new_key("intruder"))


def make_request(type_: Descriptor, values: dict[str, Any], path: str, name: str) -> Any:
    request = message_factory.GetMessageClass(type_)(**values)
    holder = request
    *outer, last = path.split(".")
    for step in outer:
        holder = getattr(holder, step)
    if holder.DESCRIPTOR.fields_by_name[last].is_repeated:
        getattr(holder, last)[:] = [name, f"{name}-second"]
    else:
        setattr(holder, last, name)
    return request


def answer(stubs: Any, service: str, method: MethodDescriptor, field: str, name: str) -> Any:
    request = make_request(method.input_type, VALID.get(method.name, {}), field, name)
    call = rpc_of(stubs, method)
    return refused(call, iter([request]) if method.client_streaming else request)


@pytest.mark.parametrize(("service", "method", "field", "kind"), list(cases()))
def test_another_tenants_resource_reads_like_one_that_never_was(
    intruder, owned: dict[str, str], service: str, method: MethodDescriptor, field: str, kind: str
):
    name = NAMES[kind].format(tenant="owner", **owned)
    nobodys = NAMES[kind].format(tenant="ghost", **owned)

    theirs = answer(intruder, service, method, field, name)
    none = answer(intruder, service, method, field, nobodys)

    assert theirs.code is none.code is grpc.StatusCode.NOT_FOUND
    assert theirs.message.replace(name, "NAME") == none.message.replace(nobodys, "NAME")
    assert (theirs.reason, set(theirs.metadata)) == (none.reason, set(none.metadata))
    if kind not in ("tenant", "space", "quota"):
        own = NAMES[kind].format(tenant="intruder", **owned)
        missing = answer(intruder, service, method, field, own)
        assert missing.code is grpc.StatusCode.NOT_FOUND
        assert missing.message.replace(own, "NAME") == theirs.message.replace(name, "NAME")


def test_a_serving_name_belongs_to_its_tenant(intruder, owned: dict[str, str]):
    failure = refused(intruder.inference.Generate, inference_service_pb2.GenerateRequest(model="owned", text="x"))

    assert failure.code is grpc.StatusCode.NOT_FOUND


def test_lists_show_the_callers_own_resources_only(intruder, owned: dict[str, str]):
    for service in (
        "DatasetService",
        "DeploymentService",
        "TuneExperimentService",
        "TuneSweepService",
        "EvaluationService",
        "BatchJobService",
        "TunedModelService",
        "SavedPromptService",
        "WebhookService",
    ):
        for method in descriptor_pool.Default().FindServiceByName(f"foreword.v1.{service}").methods:
            if not method.name.startswith("List") or "parent" not in method.input_type.fields_by_name:
                continue
            if method.name in ("ListWebhookDeliveries", "ListSavedPromptVersions"):  # those of one resource
                continue
            request = message_factory.GetMessageClass(method.input_type)()
            page = rpc_of(intruder, method)(request)
            items = (
                next(value for field, value in page.ListFields() if field.name != "next_page_token")
                if str(page)
                else ()
            )
            assert all(item.name.startswith("tenants/intruder/") for item in items)


def test_managing_tenants_takes_an_administrator(intruder):
    for method in descriptor_pool.Default().FindServiceByName("foreword.v1.TenantService").methods:
        if method.name in ("WhoAmI", "CreateChildApiKey"):
            continue
        request = message_factory.GetMessageClass(method.input_type)()
        if method.name == "DeleteApiKey":  # any key may delete itself
            request.name = "tenants/owner/apiKeys/0123456789abcdef"
        assert refused(getattr(intruder.tenants, method.name), request).code is grpc.StatusCode.PERMISSION_DENIED
    assert intruder.tenants.WhoAmI(tenant_service_pb2.WhoAmIRequest()).tenant == "tenants/intruder"
