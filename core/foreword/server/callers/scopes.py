"""The table of the scopes that RPCs require. A test checks that it is complete.

A key with the scope `admin` has all that `tenant_admin` allows, in every tenant.

A key with the scope `write` but not `read` can read the resources that it has created; all others are reported as
missing.
"""

from __future__ import annotations

from collections.abc import Mapping

from foreword.domain.tenant import Scope

_ADMIN, _WRITE, _READ, _INFER = Scope.ADMIN, Scope.WRITE, Scope.READ, Scope.INFER
_TENANT_ADMIN = Scope.TENANT_ADMIN

_BY_SERVICE: Mapping[str, Mapping[str, Scope | None]] = {
    "AuditService": {
        "ListAuditRecords": _TENANT_ADMIN,
        "ListAuditChains": _TENANT_ADMIN,
    },
    "CatalogService": {
        "ListBaseModels": None,
        "GetBaseModel": None,
        "ListTasks": None,
        "ListTuningMethods": None,
        "ListParameters": None,
        "ListRowValidators": None,
        "ListPlugins": None,
    },
    "BatchJobService": {
        "CreateBatchJob": _WRITE,
        "GetBatchJob": _READ,
        "ListBatchJobs": _READ,
        "WatchBatchJob": _READ,
        "CancelBatchJob": _WRITE,
        "RetryBatchJob": _WRITE,
        "DeleteBatchJob": _WRITE,
        "ListBatchAnswers": _READ,
    },
    "CaptureService": {
        "ListCapturedRequests": _READ,
        "DeleteCapturedRequests": _WRITE,
        "SubmitFeedback": _INFER,
        "ExportCapturedRequests": _WRITE,
        "MeasureDrift": _READ,
    },
    "DatasetService": {
        "UploadDataset": _WRITE,
        "CheckDataset": _READ,
        "GetDataset": _READ,
        "ListDatasets": _READ,
        "ListDatasetRows": _READ,
        "DeleteDataset": _WRITE,
    },
    "DeploymentService": {
        "CreateSpace": _WRITE,
        "GetSpace": _READ,
        "ListSpaces": _READ,
        "UpdateSpace": _WRITE,
        "DeleteSpace": _WRITE,
        "CreateDeployment": _WRITE,
        "GetDeployment": _READ,
        "ListDeployments": _READ,
        "UpdateDeployment": _WRITE,
        "RollbackDeployment": _WRITE,
        "PromoteDeployment": _WRITE,
        "DeleteDeployment": _WRITE,
    },
    "EvaluationService": {
        "CreateEvaluation": _WRITE,
        "GetEvaluation": _READ,
        "ListEvaluations": _READ,
        "WatchEvaluation": _READ,
        "CancelEvaluation": _WRITE,
        "RetryEvaluation": _WRITE,
        "DeleteEvaluation": _WRITE,
        "ListEvaluationRows": _READ,
    },
    "InferenceService": {
        "Generate": _INFER,
        "StreamGenerate": _INFER,
        "BatchGenerate": _INFER,
        "Classify": _INFER,
        "Tokenize": _INFER,
    },
    "SavedPromptService": {
        "CreateSavedPrompt": _WRITE,
        "GetSavedPrompt": _READ,
        "ListSavedPrompts": _READ,
        "UpdateSavedPrompt": _WRITE,
        "DeleteSavedPrompt": _WRITE,
        "ListSavedPromptVersions": _READ,
    },
    "TenantService": {
        "WhoAmI": None,
        "CreateTenant": _ADMIN,
        "GetTenant": _TENANT_ADMIN,
        "ListTenants": _ADMIN,
        "UpdateTenant": _ADMIN,
        "SuspendTenant": _ADMIN,
        "ResumeTenant": _ADMIN,
        "DeleteTenant": _ADMIN,
        "UndeleteTenant": _ADMIN,
        "CreateApiKey": _TENANT_ADMIN,
        "CreateChildApiKey": None,
        "ListApiKeys": _TENANT_ADMIN,
        "DeleteApiKey": _TENANT_ADMIN,
    },
    "TuneExperimentService": {
        "CreateTuneExperiment": _WRITE,
        "GetTuneExperiment": _READ,
        "ListTuneExperiments": _READ,
        "WatchTuneExperiment": _READ,
        "UpdateTuneExperiment": _WRITE,
        "CancelTuneExperiment": _WRITE,
        "RetryTuneExperiment": _WRITE,
        "DeleteTuneExperiment": _WRITE,
        "CompareTuneExperiments": _READ,
    },
    "TuneSweepService": {
        "CreateTuneSweep": _WRITE,
        "GetTuneSweep": _READ,
        "ListTuneSweeps": _READ,
        "CancelTuneSweep": _WRITE,
        "DeleteTuneSweep": _WRITE,
    },
    "TunedModelService": {
        "GetTunedModel": _READ,
        "ListTunedModels": _READ,
        "UpdateTunedModel": _WRITE,
        "ExportTunedModel": _READ,
        "DeleteTunedModel": _WRITE,
    },
    "UsageService": {
        "GetQuota": None,
        "UpdateQuota": _ADMIN,
        "ListUsage": _READ,
    },
    "WebhookService": {
        "CreateWebhook": _WRITE,
        "GetWebhook": _READ,
        "ListWebhooks": _READ,
        "UpdateWebhook": _WRITE,
        "DeleteWebhook": _WRITE,
        "RotateWebhookSecret": _WRITE,
        "TestWebhook": _WRITE,
        "ListWebhookDeliveries": _READ,
        "RedeliverWebhookDelivery": _WRITE,
    },
}

SCOPES: Mapping[str, Scope | None] = {
    f"/foreword.v1.{service}/{method}": scope
    for service, methods in _BY_SERVICE.items()
    for method, scope in methods.items()
}
"""Required scope by full method name; None means that any valid key has access."""

NEEDS_READ: frozenset[str] = frozenset(
    {
        *(f"/foreword.v1.WebhookService/{method}" for method in _BY_SERVICE["WebhookService"]),
        "/foreword.v1.UsageService/ListUsage",
    }
)
"""Full names of the methods that also need the scope `read`. A webhook gets the events of all resources of its tenant,
so whoever creates one, or sends its events to another URL, could otherwise read what the key cannot. Usage is that of
the whole tenant."""

OWN_READS: frozenset[str] = frozenset(method for method, scope in SCOPES.items() if scope is Scope.READ) - NEEDS_READ
"""Full names of the methods that the scope `write` also allows, limited to resources that the key has created."""

READ_FOR_INFERENCE: frozenset[str] = frozenset(
    f"/foreword.v1.SavedPromptService/{method}"
    for method in ("GetSavedPrompt", "ListSavedPrompts", "ListSavedPromptVersions")
)
"""Full names of the methods that the scope `infer` also allows: whoever sends prompts to models uses saved ones."""

ON_OWN_KEYS: frozenset[str] = frozenset({"/foreword.v1.TenantService/DeleteApiKey"})
"""Full names of the methods that any key may call about itself and its children. The service checks that."""
