"""The resources of the API as frozen dataclasses, which the client returns.

Values without a resource name (reports, evaluations, parameters, token counts) are those of `foreword.domain`.
"""

from foreword.client.resources.catalog import (
    BaseModel,
    Parameters,
    Plugin,
    PluginState,
    RowValidator,
    Task,
    TuningMethod,
)
from foreword.client.resources.deployments import Deployment, DeploymentRevision, Space
from foreword.client.resources.inference import ClassifyResult, GeneratePiece, GenerateResult, TokenizeResult
from foreword.client.resources.tenants import ApiKey, Identity, Tenant
from foreword.client.resources.tuning import Dataset, TunedModel, TuneExperiment, TunePlan, TuneProgress, TuneSnapshot

__all__ = [
    "ApiKey",
    "BaseModel",
    "ClassifyResult",
    "Dataset",
    "Deployment",
    "DeploymentRevision",
    "GeneratePiece",
    "GenerateResult",
    "Identity",
    "Parameters",
    "Plugin",
    "PluginState",
    "RowValidator",
    "Space",
    "Task",
    "Tenant",
    "TokenizeResult",
    "TuneExperiment",
    "TunePlan",
    "TuneProgress",
    "TuneSnapshot",
    "TunedModel",
    "TuningMethod",
]
