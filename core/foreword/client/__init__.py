"""The typed Python client: `Client` and `AsyncClient`. It needs neither torch nor the server's packages."""

from foreword.client._async.client import AsyncClient
from foreword.client._sync.client import Client
from foreword.client.batch_resources import (
    BatchAnswer,
    BatchJob,
    BatchJobPlan,
    BatchJobProgress,
)
from foreword.client.capture_resources import CaptureDeletion, CapturedRequest, Feedback
from foreword.client.comparison_resources import ComparedDataset, ComparedTuneExperiment, TuneComparison
from foreword.client.evaluation_resources import (
    EvaluatedSystem,
    Evaluation,
    EvaluationAnswer,
    EvaluationProgress,
    EvaluationRow,
    RowSelection,
)
from foreword.client.exports.exported_run import ExportedRun
from foreword.client.keywords import GenerateKeywords, TuneKeywords
from foreword.client.listed import Listed
from foreword.client.policy_resources import DeployPolicy, DeployVerdict
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
    Parameters,
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
from foreword.client.rollout_resources import Canary, RevisionFigures, Rollout, Shadow
from foreword.client.rows import RowsLeftOutWarning
from foreword.client.saved_prompt_resources import SavedPrompt, SavedPromptVersion
from foreword.client.sweep_resources import TuneSweep, TuneSweepPlan, TuneTrial
from foreword.client.usage_resources import Quota, QuotaUse, Usage
from foreword.client.webhook_resources import DeliveryAttempt, Webhook, WebhookDelivery
from foreword.domain.answer_calibration import AnswerCalibration, CalibrationSource, PrecisionThreshold
from foreword.domain.audit import AuditChain, AuditRecord
from foreword.domain.batch_job import AnswerSelection
from foreword.domain.capture import CapturePolicy, CaptureProvenance, CaptureUsage
from foreword.domain.comparison import RowOverlap
from foreword.domain.dataset import Row
from foreword.domain.deploy_policy import VerdictOutcome
from foreword.domain.deployment import DeploymentState, RevisionState, Stage
from foreword.domain.differing_fields import ComparedValue, DifferingField
from foreword.domain.drift import DriftChange, DriftKind, DriftMeasure, DriftReport, DriftVerdict
from foreword.domain.evaluation import SystemDifference
from foreword.domain.experiment import TaskOptions
from foreword.domain.halving import Rung
from foreword.domain.inference import (
    LabelSet,
    LengthPenalty,
    ReturnOptions,
    StopReason,
    Token,
    TokenUsage,
    TopToken,
)
from foreword.domain.job import JobState
from foreword.domain.label_options import LabelOptions
from foreword.domain.label_shifts import LabelShift, label_shifts
from foreword.domain.parameters import ParameterSpec, TuneParameters
from foreword.domain.prompt import PromptExample, StructuredPrompt
from foreword.domain.report import (
    Calibration,
    CalibrationBin,
    DataReport,
    Finding,
    Interval,
    MetricSpec,
    ReportPart,
    Severity,
    SystemEvaluation,
)
from foreword.domain.resource_view import ResourceView
from foreword.domain.rollout import RolloutState
from foreword.domain.rollout_figures import ShadowFigures
from foreword.domain.saved_prompt import PromptVariable
from foreword.domain.suspect_rows import SuspectRow, SuspectRows
from foreword.domain.sweep import Search, SweptRange
from foreword.domain.sweep_outcome import SweepState
from foreword.domain.tenant import Scope, TenantState
from foreword.domain.thin_curve import CurvePoint
from foreword.domain.usage import UsageField, UsageKind
from foreword.domain.webhook import DeliveryProblem, DeliveryState, DisableReason

__all__ = [
    "AnswerCalibration",
    "AnswerSelection",
    "ApiKey",
    "AsyncClient",
    "AuditChain",
    "AuditRecord",
    "BaseModel",
    "BatchAnswer",
    "BatchJob",
    "BatchJobPlan",
    "BatchJobProgress",
    "Calibration",
    "CalibrationBin",
    "CalibrationSource",
    "Canary",
    "CaptureDeletion",
    "CapturePolicy",
    "CaptureProvenance",
    "CaptureUsage",
    "CapturedRequest",
    "ClassifyResult",
    "Client",
    "ComparedDataset",
    "ComparedTuneExperiment",
    "ComparedValue",
    "CurvePoint",
    "DataReport",
    "Dataset",
    "DeliveryAttempt",
    "DeliveryProblem",
    "DeliveryState",
    "DeployPolicy",
    "DeployVerdict",
    "Deployment",
    "DeploymentRevision",
    "DeploymentState",
    "DifferingField",
    "DisableReason",
    "DriftChange",
    "DriftKind",
    "DriftMeasure",
    "DriftReport",
    "DriftVerdict",
    "EvaluatedSystem",
    "Evaluation",
    "EvaluationAnswer",
    "EvaluationProgress",
    "EvaluationRow",
    "ExportedRun",
    "Feedback",
    "Finding",
    "GenerateKeywords",
    "GeneratePiece",
    "GenerateResult",
    "Identity",
    "Interval",
    "JobState",
    "LabelOptions",
    "LabelSet",
    "LabelShift",
    "LengthPenalty",
    "Listed",
    "MetricSpec",
    "ParameterSpec",
    "Parameters",
    "Plugin",
    "PluginState",
    "PrecisionThreshold",
    "PromptExample",
    "PromptVariable",
    "Quota",
    "QuotaUse",
    "ReportPart",
    "ResourceView",
    "ReturnOptions",
    "RevisionFigures",
    "RevisionState",
    "Rollout",
    "RolloutState",
    "Row",
    "RowOverlap",
    "RowSelection",
    "RowValidator",
    "RowsLeftOutWarning",
    "Rung",
    "SavedPrompt",
    "SavedPromptVersion",
    "Scope",
    "Search",
    "Severity",
    "Shadow",
    "ShadowFigures",
    "Space",
    "Stage",
    "StopReason",
    "StructuredPrompt",
    "SuspectRow",
    "SuspectRows",
    "SweepState",
    "SweptRange",
    "SystemDifference",
    "SystemEvaluation",
    "Task",
    "TaskOptions",
    "Tenant",
    "TenantState",
    "Token",
    "TokenUsage",
    "TokenizeResult",
    "TopToken",
    "TuneComparison",
    "TuneExperiment",
    "TuneKeywords",
    "TuneParameters",
    "TunePlan",
    "TuneProgress",
    "TuneSnapshot",
    "TuneSweep",
    "TuneSweepPlan",
    "TuneTrial",
    "TunedModel",
    "TuningMethod",
    "Usage",
    "UsageField",
    "UsageKind",
    "VerdictOutcome",
    "Webhook",
    "WebhookDelivery",
    "label_shifts",
]
