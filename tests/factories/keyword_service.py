"""An inference service that answers by keyword: real gRPC without a model, for tests of its clients."""

from __future__ import annotations

import asyncio
import re
from types import TracebackType
from typing import Self

import grpc

from foreword.v1 import (
    capture_pb2,
    capture_service_pb2,
    capture_service_pb2_grpc,
    inference_service_pb2,
    inference_service_pb2_grpc,
    tenant_service_pb2,
    tenant_service_pb2_grpc,
)

LABELS = ("Planning", "Development", "Service", "Warehouse", "L3", "Packaging", "Marketing")
UNSURE = "unsure"
MODEL = "tenants/dev/tunedModels/keywords"
THRESHOLD = 0.9
"""Probability from which on its answers keep any precision."""


class KeywordService(
    inference_service_pb2_grpc.InferenceServiceServicer,
    capture_service_pb2_grpc.CaptureServiceServicer,
    tenant_service_pb2_grpc.TenantServiceServicer,
):
    """A service that labels a text with the departments in it; "unsure" gives two label sets of equal weight.

    Attributes:
        asked: Number of texts that were labelled; the number of the last one is the id of its request.
        feedback: The right labels that it was told, with the id of the request.
        forgotten: The ids of the captured requests that it was told to delete.
        refuses: While true, every call fails as if the service were down.
        answers: While this event is cleared, calls wait for their answer.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.feedback: list[tuple[str, list[str]]] = []
        self.forgotten: list[str] = []
        self.refuses = False
        self.answers = asyncio.Event()
        self.answers.set()
        self._server = grpc.aio.server()
        self.endpoint = ""

    async def Classify(self, request, context):
        if self.refuses:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "it is down")
        self.asked += 1
        await self.answers.wait()
        words = set(re.findall(r"\w+", request.text))
        labels = [label for label in LABELS if label in words] or [LABELS[0]]
        unsure = UNSURE in words
        first, second = (0.5, 0.5) if unsure else (0.96, 0.04)
        other = [label for label in LABELS if label not in labels][:1]
        return inference_service_pb2.ClassifyResponse(
            labels=labels,
            label_probabilities=[
                inference_service_pb2.LabelProbability(label=label, probability=first if label in labels else 0.01)
                for label in LABELS
            ],
            label_sets=[
                inference_service_pb2.LabelSetProbability(labels=labels, probability=first),
                inference_service_pb2.LabelSetProbability(labels=other, probability=second),
            ],
            model_version=MODEL,
            threshold=THRESHOLD if request.HasField("min_precision") else 0.0,
            request_id=str(self.asked),
        )

    async def SubmitFeedback(self, request, context):
        if self.refuses:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "it is down")
        said = request.feedback
        self.feedback.append((said.request_id, list(said.right_labels.labels)))
        return capture_pb2.Feedback(request_id=said.request_id)

    async def DeleteCapturedRequests(self, request, context):
        if self.refuses:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "it is down")
        self.forgotten += request.request_ids
        return capture_service_pb2.DeleteCapturedRequestsResponse(deleted_count=len(request.request_ids))

    async def WhoAmI(self, request, context):
        return tenant_service_pb2.WhoAmIResponse(tenant="tenants/dev")

    async def __aenter__(self) -> Self:
        inference_service_pb2_grpc.add_InferenceServiceServicer_to_server(self, self._server)
        capture_service_pb2_grpc.add_CaptureServiceServicer_to_server(self, self._server)
        tenant_service_pb2_grpc.add_TenantServiceServicer_to_server(self, self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        self.endpoint = f"127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop(0.1)
