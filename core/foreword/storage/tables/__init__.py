"""Database tables. Every row has a tenant, times are aware UTC, and documents are JSON written by `codec`.

One module for each kind of resource; all of them are imported here, so that the metadata is complete.
"""

from foreword.storage.tables.audit import AuditChainRow, AuditRecordRow
from foreword.storage.tables.base import Base
from foreword.storage.tables.captures import CapturedRequestRow, CaptureUsageRow, DriftReportRow, TrainingSampleRow
from foreword.storage.tables.datasets import ArtifactDeletionRow, DatasetRow, DatasetVersionRow
from foreword.storage.tables.deployments import DeploymentRow, RevisionRow, SpaceRow, TunedModelRow
from foreword.storage.tables.jobs import (
    AnswerBatchRow,
    BatchJobRow,
    BatchPartRow,
    EvaluationRow,
    ExperimentRow,
    JobRow,
    MachineSpeedRow,
    SnapshotRow,
    SweepRow,
)
from foreword.storage.tables.saved_prompts import SavedPromptRow, SavedPromptVersionRow
from foreword.storage.tables.tenants import ApiKeyRow, RequestRow, SharedKeyRow, TenantRow
from foreword.storage.tables.usage import QuotaRow, UsageRow, UsageSegmentRow
from foreword.storage.tables.webhooks import WebhookDeliveryRow, WebhookRow

__all__ = [
    "AnswerBatchRow",
    "ApiKeyRow",
    "ArtifactDeletionRow",
    "AuditChainRow",
    "AuditRecordRow",
    "Base",
    "BatchJobRow",
    "BatchPartRow",
    "CaptureUsageRow",
    "CapturedRequestRow",
    "DatasetRow",
    "DatasetVersionRow",
    "DeploymentRow",
    "DriftReportRow",
    "EvaluationRow",
    "ExperimentRow",
    "JobRow",
    "MachineSpeedRow",
    "QuotaRow",
    "RequestRow",
    "RevisionRow",
    "SavedPromptRow",
    "SavedPromptVersionRow",
    "SharedKeyRow",
    "SnapshotRow",
    "SpaceRow",
    "SweepRow",
    "TenantRow",
    "TrainingSampleRow",
    "TunedModelRow",
    "UsageRow",
    "UsageSegmentRow",
    "WebhookDeliveryRow",
    "WebhookRow",
]
