from __future__ import annotations

import inspect

import grpc
import pytest
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from factories.servers import RunningServer
from foreword.server.callers.scopes import SCOPES
from foreword.server.registration import SERVICES
from foreword.server.services import (
    audit,
    batch_job,
    capture,
    catalog,
    dataset,
    deployment,
    evaluation,
    inference,
    saved_prompt,
    tenant,
    tune_experiment,
    tune_sweep,
    tuned_model,
    usage,
    webhook,
)

SERVICERS = {
    "AuditService": audit.AuditService,
    "BatchJobService": batch_job.BatchJobService,
    "CaptureService": capture.CaptureService,
    "CatalogService": catalog.CatalogService,
    "DatasetService": dataset.DatasetService,
    "DeploymentService": deployment.DeploymentService,
    "EvaluationService": evaluation.EvaluationService,
    "InferenceService": inference.InferenceService,
    "SavedPromptService": saved_prompt.SavedPromptService,
    "TenantService": tenant.TenantService,
    "TuneExperimentService": tune_experiment.TuneExperimentService,
    "TuneSweepService": tune_sweep.TuneSweepService,
    "TunedModelService": tuned_model.TunedModelService,
    "UsageService": usage.UsageService,
    "WebhookService": webhook.WebhookService,
}


def methods() -> list[tuple[str, str]]:
    """Service and method of every RPC in the descriptors."""
    pool = descriptor_pool.Default()
    return [
        (service.split(".")[-1], method.name)
        for service in SERVICES
        for method in pool.FindServiceByName(service).methods
    ]


@pytest.mark.parametrize(("service", "method"), methods())
def test_every_rpc_has_a_servicer_method_of_its_own(service: str, method: str):
    implementation = getattr(SERVICERS[service], method)

    assert implementation.__module__.startswith("foreword.server.services.")
    assert inspect.iscoroutinefunction(implementation) or inspect.isasyncgenfunction(implementation)
    assert implementation.__doc__


def test_every_rpc_has_a_scope_and_no_scope_is_left_over():
    assert set(SCOPES) == {f"/foreword.v1.{service}/{method}" for service, method in methods()}


def test_reflection_lists_every_service_and_its_messages(server: RunningServer):
    database = ProtoReflectionDescriptorDatabase(server.channel())
    pool = descriptor_pool.DescriptorPool(database)

    assert set(SERVICES) <= set(database.get_services())
    assert pool.FindServiceByName("foreword.v1.InferenceService").methods_by_name["Classify"]
    assert pool.FindMessageTypeByName("foreword.v1.TuneExperiment").fields_by_name["display_name"]


@pytest.mark.parametrize("service", ["", *SERVICES])
def test_health_needs_no_key_and_knows_every_service(server: RunningServer, service: str):
    stub = health_pb2_grpc.HealthStub(server.channel())

    answer = stub.Check(health_pb2.HealthCheckRequest(service=service))

    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_an_unknown_method_is_unimplemented(server: RunningServer):
    call = server.channel().unary_unary("/foreword.v1.DatasetService/Juggle")

    with pytest.raises(grpc.RpcError) as caught:
        call(b"")

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
