"""The lists of the service, with the fields that each can be filtered and sorted by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, Text, and_, case, cast, or_, select

from foreword.domain.deployment import DeploymentState, RevisionState, Stage
from foreword.domain.job import JobState
from foreword.domain.sweep_outcome import SweepState
from foreword.domain.tenant import Scope, TenantState
from foreword.domain.usage import UsageKind
from foreword.domain.webhook import DeliveryState, DisableReason
from foreword.storage.lists.fields import (
    ChoiceField,
    DayField,
    Field,
    FlagField,
    ListField,
    NumberField,
    RealField,
    ReferenceField,
    TagsField,
    TextField,
    TimeField,
)
from foreword.storage.lists.orders import OrderTerm
from foreword.storage.lists.sweep_fields import sweep_end_time, sweep_state, sweep_update_time
from foreword.storage.tables import (
    ApiKeyRow,
    AuditChainRow,
    AuditRecordRow,
    BatchJobRow,
    CapturedRequestRow,
    DatasetRow,
    DeploymentRow,
    EvaluationRow,
    ExperimentRow,
    JobRow,
    RevisionRow,
    SavedPromptRow,
    SavedPromptVersionRow,
    SpaceRow,
    SweepRow,
    TenantRow,
    TunedModelRow,
    UsageRow,
    WebhookDeliveryRow,
    WebhookRow,
)

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSpec(Generic[R]):
    """A list of resources.

    Attributes:
        name: Name of the collection.
        row: The table.
        fields: The fields of filters and orders, by their name in the API.
        creator: The column with the id of the API key that created the resource; None if the list has no creators.
        part: The relationship to a row of another table that is part of every item and of the fields; None if one table
            has all.
        key: The order of rows whose sorted fields are equal, and of lists without an order. It is unique in a tenant.
    """

    name: str
    row: type[R]
    fields: Mapping[str, Field]
    key: OrderTerm
    creator: Any = field(default=None)
    part: Any = field(default=None)


def _newest_first(key: Any) -> OrderTerm:
    return OrderTerm(field=NumberField(key), descending=True)


def _by_id(id: Any) -> OrderTerm:
    return OrderTerm(field=TextField(id), descending=False)


def _deployment_state() -> ColumnElement[str]:
    """Return the expression that `Deployment.state` computes from the revisions."""
    coming = (
        select(RevisionRow.number)
        .where(
            RevisionRow.deployment_key == DeploymentRow.key,
            RevisionRow.state == RevisionState.PROBING.value,
            RevisionRow.number > DeploymentRow.passed_over_revision,
            RevisionRow.number > DeploymentRow.serving_revision,
        )
        .exists()
    )
    serving = DeploymentRow.serving_revision > 0
    return case(
        (and_(serving, coming), DeploymentState.UPDATING.value),
        (serving, DeploymentState.READY.value),
        (coming, DeploymentState.INITIALIZING.value),
        else_=DeploymentState.FAILED.value,
    )


def has_right_answer() -> ColumnElement[bool]:
    """Return whether a captured request has an answer with which it can be a row of a labelled dataset."""
    return or_(
        CapturedRequestRow.right_output.is_not(None),
        and_(CapturedRequestRow.right_labels.is_not(None), cast(CapturedRequestRow.right_labels, Text) != "[]"),
    )


DATASETS: Final = ListSpec(
    name="datasets",
    row=DatasetRow,
    fields={
        "display_name": TextField(DatasetRow.display_name, sortable=True),
        "description": TextField(DatasetRow.description),
        "version": NumberField(DatasetRow.version, sortable=True),
        "content_sha256": TextField(DatasetRow.content_sha256),
        "row_count": NumberField(DatasetRow.row_count, sortable=True),
        "byte_size": NumberField(DatasetRow.byte_size, sortable=True),
        "unlabelled": FlagField(DatasetRow.unlabelled),
        "creator": TextField(DatasetRow.creator),
        "create_time": TimeField(DatasetRow.create_time, sortable=True),
    },
    key=_newest_first(DatasetRow.key),
    creator=DatasetRow.creator,
)

TUNE_EXPERIMENTS: Final = ListSpec(
    name="tuneExperiments",
    row=ExperimentRow,
    fields={
        "display_name": TextField(ExperimentRow.display_name, sortable=True),
        "description": TextField(ExperimentRow.description),
        "tags": TagsField(ExperimentRow.tags),
        "state": ChoiceField(JobRow.state, choices=JobState, prefix="STATE_"),
        "dataset": ReferenceField(ExperimentRow.dataset, collection="datasets"),
        "validation_dataset": ReferenceField(
            ExperimentRow.config["validation_dataset"].as_string(), nullable=True, collection="datasets"
        ),
        "base_model": ReferenceField(JobRow.base_model, collection="baseModels"),
        "task": TextField(ExperimentRow.config["task"].as_string()),
        "tuning_type": TextField(JobRow.tuning_type),
        "tuned_model": ReferenceField(ExperimentRow.tuned_model, nullable=True, collection="tunedModels"),
        "tune_sweep": ReferenceField(ExperimentRow.sweep, nullable=True, collection="tuneSweeps"),
        "retry_of": ReferenceField(ExperimentRow.retry_of, nullable=True, collection="tuneExperiments"),
        "creator": TextField(ExperimentRow.creator),
        "create_time": TimeField(ExperimentRow.create_time, sortable=True),
        "update_time": TimeField(JobRow.update_time, sortable=True),
        "start_time": TimeField(JobRow.start_time, nullable=True),
        "end_time": TimeField(JobRow.end_time, nullable=True),
    },
    key=_newest_first(ExperimentRow.key),
    creator=ExperimentRow.creator,
    part=ExperimentRow.job,
)

TUNE_SWEEPS: Final = ListSpec(
    name="tuneSweeps",
    row=SweepRow,
    fields={
        "display_name": TextField(SweepRow.display_name, sortable=True),
        "description": TextField(SweepRow.description),
        "tags": TagsField(SweepRow.tags),
        "state": ChoiceField(sweep_state(), choices=SweepState, prefix="STATE_"),
        "dataset": ReferenceField(SweepRow.dataset, collection="datasets"),
        "validation_dataset": ReferenceField(
            SweepRow.config["validation_dataset"].as_string(), nullable=True, collection="datasets"
        ),
        "base_model": ReferenceField(SweepRow.base_model, collection="baseModels"),
        "task": TextField(SweepRow.config["task"].as_string()),
        "creator": TextField(SweepRow.creator),
        "create_time": TimeField(SweepRow.create_time, sortable=True),
        "update_time": TimeField(sweep_update_time(), sortable=True),
        "end_time": TimeField(sweep_end_time(), nullable=True),
    },
    key=_newest_first(SweepRow.key),
    creator=SweepRow.creator,
)

EVALUATIONS: Final = ListSpec(
    name="evaluations",
    row=EvaluationRow,
    fields={
        "display_name": TextField(EvaluationRow.display_name, sortable=True),
        "description": TextField(EvaluationRow.description),
        "state": ChoiceField(JobRow.state, choices=JobState, prefix="STATE_"),
        "dataset": ReferenceField(EvaluationRow.dataset, collection="datasets"),
        "task": TextField(EvaluationRow.config["task"].as_string()),
        "retry_of": ReferenceField(EvaluationRow.retry_of, nullable=True, collection="evaluations"),
        "creator": TextField(EvaluationRow.creator),
        "create_time": TimeField(EvaluationRow.create_time, sortable=True),
        "update_time": TimeField(JobRow.update_time, sortable=True),
        "start_time": TimeField(JobRow.start_time, nullable=True),
        "end_time": TimeField(JobRow.end_time, nullable=True),
    },
    key=_newest_first(EvaluationRow.key),
    creator=EvaluationRow.creator,
    part=EvaluationRow.job,
)

BATCH_JOBS: Final = ListSpec(
    name="batchJobs",
    row=BatchJobRow,
    fields={
        "display_name": TextField(BatchJobRow.display_name, sortable=True),
        "description": TextField(BatchJobRow.description),
        "state": ChoiceField(JobRow.state, choices=JobState, prefix="STATE_"),
        "dataset": ReferenceField(BatchJobRow.dataset, collection="datasets"),
        "base_model": ReferenceField(JobRow.base_model, collection="baseModels"),
        "retry_of": ReferenceField(BatchJobRow.retry_of, nullable=True, collection="batchJobs"),
        "creator": TextField(BatchJobRow.creator),
        "create_time": TimeField(BatchJobRow.create_time, sortable=True),
        "update_time": TimeField(JobRow.update_time, sortable=True),
        "start_time": TimeField(JobRow.start_time, nullable=True),
        "end_time": TimeField(JobRow.end_time, nullable=True),
    },
    key=_newest_first(BatchJobRow.key),
    creator=BatchJobRow.creator,
    part=BatchJobRow.job,
)

TUNED_MODELS: Final = ListSpec(
    name="tunedModels",
    row=TunedModelRow,
    fields={
        "display_name": TextField(TunedModelRow.manifest["display_name"].as_string(), sortable=True),
        "tags": TagsField(TunedModelRow.tags),
        "base_model": ReferenceField(TunedModelRow.manifest["base_model"].as_string(), collection="baseModels"),
        "tune_experiment": ReferenceField(
            TunedModelRow.manifest["tune_experiment"].as_string(), collection="tuneExperiments"
        ),
        "dataset": ReferenceField(TunedModelRow.manifest["dataset"].as_string(), collection="datasets"),
        "task": TextField(TunedModelRow.manifest["task"].as_string()),
        "tuning_type": TextField(TunedModelRow.manifest["tuning_type"].as_string()),
        "content_sha256": TextField(TunedModelRow.manifest["content_sha256"].as_string()),
        "creator": TextField(TunedModelRow.manifest["creator"].as_string()),
        "create_time": TimeField(TunedModelRow.create_time, sortable=True),
    },
    key=_newest_first(TunedModelRow.key),
    creator=TunedModelRow.manifest["creator"].as_string(),
)

SPACES: Final = ListSpec(
    name="spaces",
    row=SpaceRow,
    fields={
        "name": ReferenceField(SpaceRow.id, collection="spaces"),
        "display_name": TextField(SpaceRow.display_name, sortable=True),
        "stage": ChoiceField(SpaceRow.stage, choices=Stage, prefix="STAGE_"),
        "description": TextField(SpaceRow.description),
        "tags": ListField(SpaceRow.tags),
        "creator": TextField(SpaceRow.creator),
        "create_time": TimeField(SpaceRow.create_time, sortable=True),
        "update_time": TimeField(SpaceRow.update_time, sortable=True),
    },
    key=_by_id(SpaceRow.id),
    creator=SpaceRow.creator,
)

DEPLOYMENTS: Final = ListSpec(
    name="deployments",
    row=DeploymentRow,
    fields={
        "display_name": TextField(DeploymentRow.display_name, sortable=True),
        "serving_name": TextField(DeploymentRow.serving_name, sortable=True),
        "description": TextField(DeploymentRow.description),
        "tags": ListField(DeploymentRow.tags),
        "state": ChoiceField(_deployment_state(), choices=DeploymentState, prefix="STATE_"),
        "serving_revision": NumberField(DeploymentRow.serving_revision, sortable=True),
        "creator": TextField(DeploymentRow.creator),
        "create_time": TimeField(DeploymentRow.create_time, sortable=True),
        "update_time": TimeField(DeploymentRow.update_time, sortable=True),
    },
    key=_newest_first(DeploymentRow.key),
    creator=DeploymentRow.creator,
)

SAVED_PROMPTS: Final = ListSpec(
    name="savedPrompts",
    row=SavedPromptRow,
    fields={
        "name": ReferenceField(SavedPromptRow.id, collection="savedPrompts"),
        "display_name": TextField(SavedPromptRow.display_name, sortable=True),
        "description": TextField(SavedPromptRow.description),
        "tags": ListField(SavedPromptRow.tags),
        "latest_version": NumberField(SavedPromptRow.latest_version, sortable=True),
        "creator": TextField(SavedPromptRow.creator),
        "create_time": TimeField(SavedPromptRow.create_time, sortable=True),
        "update_time": TimeField(SavedPromptRow.update_time, sortable=True),
    },
    key=_newest_first(SavedPromptRow.key),
    creator=SavedPromptRow.creator,
)

SAVED_PROMPT_VERSIONS: Final = ListSpec(
    name="versions",
    row=SavedPromptVersionRow,
    fields={
        "number": NumberField(SavedPromptVersionRow.number, sortable=True),
        "note": TextField(SavedPromptVersionRow.note),
        "model": TextField(SavedPromptVersionRow.model),
        "creator": TextField(SavedPromptVersionRow.creator),
        "create_time": TimeField(SavedPromptVersionRow.create_time, sortable=True),
    },
    key=_newest_first(SavedPromptVersionRow.number),
)

CAPTURED_REQUESTS: Final = ListSpec(
    name="capturedRequests",
    row=CapturedRequestRow,
    fields={
        "request_id": TextField(CapturedRequestRow.request_id),
        "revision": NumberField(CapturedRequestRow.revision),
        "model_version": TextField(CapturedRequestRow.model),
        "input": TextField(CapturedRequestRow.input),
        "output": TextField(CapturedRequestRow.output),
        "labels": ListField(CapturedRequestRow.labels),
        "probability": RealField(CapturedRequestRow.probability, nullable=True),
        "abstained": FlagField(CapturedRequestRow.abstained, nullable=True),
        "captured": FlagField(CapturedRequestRow.captured),
        "has_feedback": FlagField(CapturedRequestRow.feedback_time.is_not(None)),
        "has_right_answer": FlagField(has_right_answer()),
        "correct": FlagField(CapturedRequestRow.correct, nullable=True),
        "score": RealField(CapturedRequestRow.score, nullable=True),
        "author": TextField(CapturedRequestRow.author, nullable=True),
        "create_time": TimeField(CapturedRequestRow.create_time, sortable=True),
    },
    key=_newest_first(CapturedRequestRow.key),
)

TENANTS: Final = ListSpec(
    name="tenants",
    row=TenantRow,
    fields={
        "display_name": TextField(TenantRow.display_name, sortable=True),
        "state": ChoiceField(TenantRow.state, choices=TenantState, prefix="STATE_"),
        "create_time": TimeField(TenantRow.create_time, sortable=True),
        "purge_time": TimeField(TenantRow.purge_time, nullable=True),
    },
    key=_by_id(TenantRow.id),
)

API_KEYS: Final = ListSpec(
    name="apiKeys",
    row=ApiKeyRow,
    fields={
        "display_name": TextField(ApiKeyRow.display_name, sortable=True),
        "scopes": ListField(ApiKeyRow.scopes, choices=Scope, prefix="SCOPE_"),
        "parent_key": ReferenceField(ApiKeyRow.parent, nullable=True, collection="apiKeys"),
        "expire_time": TimeField(ApiKeyRow.expire_time, nullable=True),
        "create_time": TimeField(ApiKeyRow.create_time, sortable=True),
        "last_use_time": TimeField(ApiKeyRow.last_use_time, nullable=True),
    },
    key=_newest_first(ApiKeyRow.key),
)

WEBHOOKS: Final = ListSpec(
    name="webhooks",
    row=WebhookRow,
    fields={
        "display_name": TextField(WebhookRow.display_name, sortable=True),
        "url": TextField(WebhookRow.url),
        "space": ReferenceField(WebhookRow.space, nullable=True, collection="spaces"),
        "disable_reason": ChoiceField(
            WebhookRow.disable_reason, nullable=True, choices=DisableReason, prefix="DISABLE_REASON_"
        ),
        "creator": TextField(WebhookRow.creator),
        "create_time": TimeField(WebhookRow.create_time, sortable=True),
        "update_time": TimeField(WebhookRow.update_time, sortable=True),
    },
    key=_newest_first(WebhookRow.key),
    creator=WebhookRow.creator,
)

WEBHOOK_DELIVERIES: Final = ListSpec(
    name="deliveries",
    row=WebhookDeliveryRow,
    fields={
        "kind": TextField(WebhookDeliveryRow.kind),
        "resource": TextField(WebhookDeliveryRow.resource),
        "state": ChoiceField(WebhookDeliveryRow.state, choices=DeliveryState, prefix="STATE_"),
        "attempts": NumberField(WebhookDeliveryRow.attempts),
        "create_time": TimeField(WebhookDeliveryRow.create_time, sortable=True),
    },
    key=_newest_first(WebhookDeliveryRow.key),
)

AUDIT_RECORDS: Final = ListSpec(
    name="auditRecords",
    row=AuditRecordRow,
    fields={
        "tenant": TextField(AuditRecordRow.tenant),
        "sequence": NumberField(AuditRecordRow.sequence, sortable=True),
        "time": TimeField(AuditRecordRow.time, sortable=True),
        "actor_tenant": TextField(AuditRecordRow.actor_tenant),
        "actor": TextField(AuditRecordRow.actor),
        "peer": TextField(AuditRecordRow.peer),
        "method": TextField(AuditRecordRow.method),
        "resource": TextField(AuditRecordRow.resource),
        "request_id": TextField(AuditRecordRow.request_id),
        "trace_id": TextField(AuditRecordRow.trace_id),
        "code": TextField(AuditRecordRow.code),
        "reason": TextField(AuditRecordRow.reason),
        "changed_fields": ListField(AuditRecordRow.changed_fields),
        "count": NumberField(AuditRecordRow.count),
    },
    key=_newest_first(AuditRecordRow.key),
)

AUDIT_CHAINS: Final = ListSpec(name="auditChains", row=AuditChainRow, fields={}, key=_by_id(AuditChainRow.tenant))
"""It has neither a filter nor an order, so that it is none of `LISTS`."""


def usage_fields(row: type[UsageRow]) -> Mapping[str, Field]:
    """Return the fields of usage.

    Args:
        row: The table, or a query with its columns.
    """
    return {
        "tenant": TextField(row.tenant, sortable=True),
        "day": DayField(row.day, sortable=True),
        "model": TextField(row.model, sortable=True),
        "kind": ChoiceField(row.kind, choices=UsageKind, prefix="USAGE_KIND_", sortable=True),
    }


USAGE: Final = ListSpec(
    name="usage",
    row=UsageRow,
    fields=usage_fields(UsageRow),
    key=OrderTerm(field=TextField(UsageRow.day), descending=True),
)
"""The fields by which usage is filtered and sorted. `UsageRepository` lists sums over it, whose key is all fields."""

LISTS: Final = (
    DATASETS,
    TUNE_EXPERIMENTS,
    TUNE_SWEEPS,
    EVALUATIONS,
    BATCH_JOBS,
    TUNED_MODELS,
    SPACES,
    DEPLOYMENTS,
    SAVED_PROMPTS,
    SAVED_PROMPT_VERSIONS,
    CAPTURED_REQUESTS,
    TENANTS,
    API_KEYS,
    WEBHOOKS,
    WEBHOOK_DELIVERIES,
    AUDIT_RECORDS,
    USAGE,
)
"""All lists with filters and orders."""
