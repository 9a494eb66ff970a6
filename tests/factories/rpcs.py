"""Every RPC of the service, found from the descriptors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor

from foreword.server.registration import SERVICES

_STUBS = {
    "AuditService": "audit",
    "BatchJobService": "batch_jobs",
    "CaptureService": "captures",
    "CatalogService": "catalog",
    "DatasetService": "datasets",
    "DeploymentService": "deployments",
    "EvaluationService": "evaluations",
    "InferenceService": "inference",
    "SavedPromptService": "saved_prompts",
    "TenantService": "tenants",
    "TuneExperimentService": "experiments",
    "TuneSweepService": "sweeps",
    "TunedModelService": "tuned_models",
    "UsageService": "usage",
    "WebhookService": "webhooks",
}


def every_rpc() -> Iterator[MethodDescriptor]:
    """Yield the descriptor of each RPC."""
    for service in SERVICES:
        yield from descriptor_pool.Default().FindServiceByName(service).methods


def rpc_of(stubs: Any, method: MethodDescriptor) -> Callable[..., Any]:
    """Return the RPC as a function.

    Args:
        stubs: From `RunningServer.stubs` or `Stubs`.
    """
    call: Callable[..., Any] = getattr(getattr(stubs, _STUBS[method.containing_service.name]), method.name)
    return call
