"""The typed Python client; needs neither torch nor a server's packages."""

from foreword.client.client import Client
from foreword.client.resources import (
    ApiKey,
    BaseModel,
    ClassifyResult,
    Dataset,
    Deployment,
    DeploymentRevision,
    GeneratePiece,
    GenerateResult,
    Identity,
    Plugin,
    PluginState,
    RowValidator,
    Space,
    Task,
    Tenant,
    TokenizeResult,
    TunedModel,
    TuneExperiment,
    TunePlan,
    TuneProgress,
    TuneSnapshot,
    TuningMethod,
)
from foreword.domain.dataset import Row
from foreword.domain.deployment import DeploymentState, RevisionState, Stage
from foreword.domain.experiment import ExperimentState, TaskOptions
from foreword.domain.inference import LabelSet, StopReason, TokenUsage
from foreword.domain.parameters import TuneParameters
from foreword.domain.prompt import PromptExample, StructuredPrompt
from foreword.domain.report import DataReport, Evaluation, Finding, ReportPart, Severity
from foreword.domain.tenant import Scope

__all__ = [
    "ApiKey",
    "BaseModel",
    "ClassifyResult",
    "Client",
    "DataReport",
    "Dataset",
    "Deployment",
    "DeploymentRevision",
    "DeploymentState",
    "Evaluation",
    "ExperimentState",
    "Finding",
    "GeneratePiece",
    "GenerateResult",
    "Identity",
    "LabelSet",
    "Plugin",
    "PluginState",
    "PromptExample",
    "ReportPart",
    "RevisionState",
    "Row",
    "RowValidator",
    "Scope",
    "Severity",
    "Space",
    "Stage",
    "StopReason",
    "StructuredPrompt",
    "Task",
    "TaskOptions",
    "Tenant",
    "TokenUsage",
    "TokenizeResult",
    "TuneExperiment",
    "TuneParameters",
    "TunePlan",
    "TuneProgress",
    "TuneSnapshot",
    "TunedModel",
    "TuningMethod",
]
