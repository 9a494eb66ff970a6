"""A gRPC service that evaluates by a script: real channels, no models."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from google.protobuf import any_pb2, empty_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from factories.evaluations import make_message
from foreword.v1 import (
    catalog_pb2,
    catalog_service_pb2,
    catalog_service_pb2_grpc,
    dataset_pb2,
    dataset_service_pb2,
    dataset_service_pb2_grpc,
    evaluation_pb2,
    evaluation_service_pb2,
    evaluation_service_pb2_grpc,
    tenant_service_pb2,
    tenant_service_pb2_grpc,
    tuned_model_pb2,
    tuned_model_service_pb2,
    tuned_model_service_pb2_grpc,
)

STATE = evaluation_pb2.Evaluation


class ScriptedService(
    catalog_service_pb2_grpc.CatalogServiceServicer,
    dataset_service_pb2_grpc.DatasetServiceServicer,
    evaluation_service_pb2_grpc.EvaluationServiceServicer,
    tenant_service_pb2_grpc.TenantServiceServicer,
    tuned_model_service_pb2_grpc.TunedModelServiceServicer,
):
    """Knows the serving name `complaints` and the tuned models `m1` and `m2`, called `first (1)` and `second (1)`.

    No rows suit the task `other`.

    Args:
        states: States that a watch reports, one after the other; a status code breaks the stream.
    """

    def __init__(self, *states):
        self.states = list(states)
        self.created = []
        self.deleted = []
        self.uploaded = []
        self.watches = 0
        self.pages = []
        self.warnings = []
        self.last = STATE.STATE_SUCCEEDED

    def WhoAmI(self, request, context):
        return tenant_service_pb2.WhoAmIResponse(tenant="tenants/a")

    def UploadDataset(self, request_iterator, context):
        header = next(request_iterator).header
        list(request_iterator)
        self.uploaded.append(header.display_name)
        name = f"tenants/a/datasets/d{len(self.uploaded)}"
        dataset = dataset_pb2.Dataset(name=name, display_name=header.display_name)
        return dataset_service_pb2.UploadDatasetResponse(dataset=dataset)

    def DeleteDataset(self, request, context):
        self.deleted.append(request.name)
        return empty_pb2.Empty()

    def ListTunedModels(self, request, context):
        models = [("m1", "first (1)"), ("m2", "second (1)")]
        return tuned_model_service_pb2.ListTunedModelsResponse(
            tuned_models=[
                tuned_model_pb2.TunedModel(name=f"tenants/a/tunedModels/{id}", display_name=name) for id, name in models
            ]
        )

    def GetTunedModel(self, request, context):
        return tuned_model_pb2.TunedModel(name=request.name, base_model="baseModels/starter")

    def ListTasks(self, request, context):
        tasks = [catalog_pb2.Task(id="classification", closed=True), catalog_pb2.Task(id="generation")]
        return catalog_service_pb2.ListTasksResponse(tasks=tasks)

    def GetDataset(self, request, context):
        if not request.name.endswith("/d1"):
            context.abort_with_status(rpc_status.to_status(not_found(request.name)))
        return dataset_pb2.Dataset(name=request.name, display_name="stored")

    def CreateEvaluation(self, request, context):
        for system in request.evaluation.systems:
            if not system.model.startswith(("tenants/", "baseModels/")) and system.model != "complaints":
                context.abort_with_status(rpc_status.to_status(not_found(system.model)))
        if request.evaluation.dataset and request.evaluation.task == "other":
            context.abort_with_status(rpc_status.to_status(status("These rows do not suit.", "TASK_UNSUITED")))
        evaluation = STATE()
        evaluation.CopyFrom(request.evaluation)
        evaluation.task = evaluation.task or "classification"
        for system in evaluation.systems:
            base = system.model.startswith("baseModels/")
            system.version = system.model if base else "tenants/a/tunedModels/m1"
            system.id = system.id or f"base_{system.shots}_shot" if base else system.id or "tuned"
        if not request.validate_only:
            self.created.append(request)
        evaluation.warnings.extend(self.warnings)
        evaluation.name = "tenants/a/evaluations/e1"
        evaluation.state = 0 if request.validate_only else STATE.STATE_QUEUED
        return evaluation

    def GetEvaluation(self, request, context):
        return self._evaluation(self.last)

    def _evaluation(self, state):
        message = make_message(state=state)
        if state == STATE.STATE_FAILED:
            message.error.CopyFrom(status("Rows are missing.", "ROWS_MISSING"))
        return message

    def WatchEvaluation(self, request, context):
        self.watches += 1
        while self.states:
            state = self.states.pop(0)
            if isinstance(state, grpc.StatusCode):
                context.abort(state, "scripted")
            self.last = state
            yield evaluation_service_pb2.WatchEvaluationResponse(evaluation=self._evaluation(state))
        while context.is_active() and not self.states:
            context.abort(grpc.StatusCode.UNAVAILABLE, "nothing to report")

    def ListEvaluationRows(self, request, context):
        self.pages.append(request)
        start = int(request.page_token or 0)
        rows = [evaluation_pb2.EvaluationRow(row=number + 1) for number in range(start, start + 2)]
        # The second page is empty although a third follows, as a selection may be.
        following = {0: "2", 2: "4", 4: ""}[start]
        return evaluation_service_pb2.ListEvaluationRowsResponse(
            rows=[] if start == 2 else rows, next_page_token=following
        )


def status(message, reason, **metadata):
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="foreword", metadata=metadata))
    return status_pb2.Status(code=code_pb2.FAILED_PRECONDITION, message=message, details=[detail])


def not_found(name):
    found = status(f"{name} is neither a serving name nor a base model.", "RESOURCE_NOT_FOUND", resource=name)
    found.code = code_pb2.NOT_FOUND
    return found


@contextmanager
def served(service: ScriptedService) -> Iterator[str]:
    """Serve a scripted service, and return its address."""
    server = grpc.server(ThreadPoolExecutor(4))
    for add in (
        catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server,
        dataset_service_pb2_grpc.add_DatasetServiceServicer_to_server,
        evaluation_service_pb2_grpc.add_EvaluationServiceServicer_to_server,
        tenant_service_pb2_grpc.add_TenantServiceServicer_to_server,
        tuned_model_service_pb2_grpc.add_TunedModelServiceServicer_to_server,
    ):
        add(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
