"""Database tables. Every row has a tenant, times are aware UTC, and documents are JSON written by `codec`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, and_, false, text, true
from sqlalchemy.orm import DeclarativeBase, Mapped, foreign, mapped_column, relationship

from foreword.domain.job import JobKind
from foreword.sql.types import COLUMN_TYPES, RowNumber, new_metadata


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = new_metadata()
    type_annotation_map = COLUMN_TYPES


class TenantRow(Base):
    """A tenant.

    `recent_compute_seconds` is its decaying compute time as of `recent_compute_time`.
    """

    __tablename__ = "tenants"

    id: Mapped[str] = mapped_column(primary_key=True)
    display_name: Mapped[str]
    create_time: Mapped[datetime]
    recent_compute_seconds: Mapped[float] = mapped_column(default=0.0, server_default="0")
    recent_compute_time: Mapped[datetime | None]


class ApiKeyRow(Base):
    """An API key, without its secret."""

    __tablename__ = "api_keys"
    __table_args__ = (
        UniqueConstraint("id"),
        Index(None, "tenant", "key"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    tenant: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    id: Mapped[str]
    display_name: Mapped[str]
    scopes: Mapped[list[Any]]
    secret_sha256: Mapped[str]
    expire_time: Mapped[datetime | None]
    create_time: Mapped[datetime]


class SharedKeyRow(Base):
    """A random key that all servers share, in hexadecimal."""

    __tablename__ = "shared_keys"

    purpose: Mapped[str] = mapped_column(primary_key=True)
    secret: Mapped[str]
    create_time: Mapped[datetime]


class RequestRow(Base):
    """A request id and its resource. `tenant` is empty for requests that do not belong to a tenant."""

    __tablename__ = "requests"
    __table_args__ = (Index(None, "tenant", "create_time"),)

    tenant: Mapped[str] = mapped_column(primary_key=True)
    rpc: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    resource: Mapped[str]
    create_time: Mapped[datetime]


class DatasetVersionRow(Base):
    """The last version number of a display name, so that the number of a deleted dataset is never reused."""

    __tablename__ = "dataset_versions"

    tenant: Mapped[str] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    display_name: Mapped[str] = mapped_column(primary_key=True)
    last_version: Mapped[int]


class DatasetRow(Base):
    """A dataset."""

    __tablename__ = "datasets"
    __table_args__ = (
        UniqueConstraint("tenant", "id"),
        UniqueConstraint("tenant", "display_name", "version"),
        Index(None, "tenant", "key"),
        Index(None, "tenant", "create_time", "key"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    tenant: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    id: Mapped[str]
    display_name: Mapped[str]
    description: Mapped[str]
    version: Mapped[int]
    artifact: Mapped[str]
    content_sha256: Mapped[str]
    blocks_sha256: Mapped[str] = mapped_column(server_default=text("''"))
    row_count: Mapped[int]
    byte_size: Mapped[int]
    report: Mapped[dict[str, Any] | None]
    creator: Mapped[str]
    create_time: Mapped[datetime]
    unlabelled: Mapped[bool] = mapped_column(server_default=false())
    captured_from: Mapped[dict[str, Any] | None]


class ArtifactDeletionRow(Base):
    """A prefix of the artifact store that no row refers to and whose files are to be deleted."""

    __tablename__ = "artifact_deletions"
    __table_args__ = (Index(None, "due_time"),)

    artifact: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    due_time: Mapped[datetime]


class JobRow(Base):
    """A job with its lease: work of one kind on one resource.

    A lease is the pair of epoch and worker; every write of a worker is conditional on both. `runs_alone` says that the
    worker must have no other job meanwhile. `yield_time` is set while the job waits between two turns. `beat_time` is
    that of the last heartbeat of its worker, and `update_time` that of the last change of the job or of its results.
    Whoever changes a job or its resource locks the job first.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("tenant", "kind", "resource"),
        Index(None, "tenant", "state"),
        Index(None, "state", "lease_expire_time"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    tenant: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    kind: Mapped[str]
    resource: Mapped[str]
    base_model: Mapped[str]
    tuning_type: Mapped[str]
    runs_alone: Mapped[bool] = mapped_column(server_default=false())
    state: Mapped[str]
    failure: Mapped[dict[str, Any] | None]
    compute_seconds: Mapped[float]
    lease_epoch: Mapped[int]
    lease_worker: Mapped[str | None]
    lease_expire_time: Mapped[datetime | None]
    beat_time: Mapped[datetime | None]
    lost_leases: Mapped[int]
    wait_seconds: Mapped[float]
    yield_time: Mapped[datetime | None]
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
    start_time: Mapped[datetime | None]
    end_time: Mapped[datetime | None]


class ExperimentRow(Base):
    """An experiment. Its job has the same tenant, the kind `tune` and the experiment's id as resource.

    `sweep` is the id of the sweep of which it is a trial, and `held_out_score` the result of the epoch that the trial
    keeps so far. `retry_of` is the id of the experiment that it repeats, and `resumed_step` the number of updates that
    it has taken over from a checkpoint of that experiment.
    """

    __tablename__ = "tune_experiments"
    __table_args__ = (
        UniqueConstraint("tenant", "id"),
        UniqueConstraint("tenant", "display_name"),
        Index(None, "tenant", "key"),
        Index(None, "tenant", "create_time", "key"),
        Index(None, "tenant", "sweep"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    tenant: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    id: Mapped[str]
    display_name: Mapped[str]
    description: Mapped[str]
    dataset: Mapped[str]
    config: Mapped[dict[str, Any]]
    plan: Mapped[dict[str, Any]]
    progress: Mapped[dict[str, Any]]
    last_sequence: Mapped[int]
    evaluations: Mapped[list[Any]]
    curve_advice: Mapped[str]
    suspect_rows: Mapped[dict[str, Any] | None]
    tuned_model: Mapped[str | None]
    creator: Mapped[str]
    create_time: Mapped[datetime]
    sweep: Mapped[str | None]
    trial: Mapped[dict[str, Any] | None]
    held_out_score: Mapped[dict[str, Any] | None]
    tags: Mapped[dict[str, Any] | None]
    retry_of: Mapped[str | None]
    resumed_step: Mapped[int] = mapped_column(server_default=text("0"))

    # Not a foreign key, because jobs of other kinds have other resources. Queries name the join that they need.
    job: Mapped[JobRow] = relationship(
        primaryjoin=lambda: and_(
            ExperimentRow.tenant == foreign(JobRow.tenant),
            ExperimentRow.id == foreign(JobRow.resource),
            JobRow.kind == JobKind.TUNE.value,
        ),
        cascade="all, delete-orphan",
        single_parent=True,
        lazy="raise_on_sql",
    )


class SweepRow(Base):
    """A sweep. Its trials are experiments with its id. `cancel_time` is set once cancellation was requested."""

    __tablename__ = "tune_sweeps"
    __table_args__ = (
        UniqueConstraint("tenant", "id"),
        UniqueConstraint("tenant", "display_name"),
        Index(None, "tenant", "key"),
        Index(None, "tenant", "create_time", "key"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    tenant: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    id: Mapped[str]
    display_name: Mapped[str]
    description: Mapped[str]
    dataset: Mapped[str]
    base_model: Mapped[str]
    config: Mapped[dict[str, Any]]
    space: Mapped[dict[str, Any]]
    plan: Mapped[dict[str, Any]]
    cancel_time: Mapped[datetime | None]
    creator: Mapped[str]
    create_time: Mapped[datetime]
    tags: Mapped[dict[str, Any] | None]


class EvaluationRow(Base):
    """An evaluation. Its job has the same tenant, the kind `evaluate` and the evaluation's id as resource.

    `examples_dataset` is the id of the dataset from which examples are taken. `rows_file` is set once it has succeeded.
    """

    __tablename__ = "evaluations"
    __table_args__ = (
        UniqueConstraint("tenant", "id"),
        UniqueConstraint("tenant", "display_name"),
        Index(None, "tenant", "key"),
        Index(None, "tenant", "create_time", "key"),
        Index(None, "tenant", "dataset", "key"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    tenant: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    id: Mapped[str]
    display_name: Mapped[str]
    description: Mapped[str]
    dataset: Mapped[str]
    examples_dataset: Mapped[str | None]
    config: Mapped[dict[str, Any]]
    estimated_seconds: Mapped[float]
    progress: Mapped[dict[str, Any]]
    results: Mapped[dict[str, Any]]
    rows_file: Mapped[dict[str, Any] | None]
    creator: Mapped[str]
    create_time: Mapped[datetime]

    job: Mapped[JobRow] = relationship(
        primaryjoin=lambda: and_(
            EvaluationRow.tenant == foreign(JobRow.tenant),
            EvaluationRow.id == foreign(JobRow.resource),
            JobRow.kind == JobKind.EVALUATE.value,
        ),
        overlaps="job",  # no job belongs to rows of two tables, because its kind differs
        cascade="all, delete-orphan",
        single_parent=True,
        lazy="raise_on_sql",
    )


class BatchJobRow(Base):
    """A batch job. Its job has the same tenant, the kind `batch` and the batch job's id as resource."""

    __tablename__ = "batch_jobs"
    __table_args__ = (
        UniqueConstraint("tenant", "id"),
        UniqueConstraint("tenant", "display_name"),
        Index(None, "tenant", "key"),
        Index(None, "tenant", "create_time", "key"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    tenant: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    id: Mapped[str]
    display_name: Mapped[str]
    description: Mapped[str]
    dataset: Mapped[str]
    config: Mapped[dict[str, Any]]
    plan: Mapped[dict[str, Any]]
    progress: Mapped[dict[str, Any]]
    creator: Mapped[str]
    create_time: Mapped[datetime]

    job: Mapped[JobRow] = relationship(
        primaryjoin=lambda: and_(
            BatchJobRow.tenant == foreign(JobRow.tenant),
            BatchJobRow.id == foreign(JobRow.resource),
            JobRow.kind == JobKind.BATCH.value,
        ),
        overlaps="job",  # no job belongs to rows of two tables, because its kind differs
        cascade="all, delete-orphan",
        single_parent=True,
        lazy="raise_on_sql",
    )


class BatchPartRow(Base):
    """A part of the answers of a batch job, to consecutive rows; `sha256` is that of its file, in hexadecimal."""

    __tablename__ = "batch_job_parts"

    batch_job_key: Mapped[int] = mapped_column(
        RowNumber, ForeignKey("batch_jobs.key", ondelete="CASCADE"), primary_key=True
    )
    first_row: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    artifact: Mapped[str]
    sha256: Mapped[str]
    row_count: Mapped[int]
    failed_count: Mapped[int]


class AnswerBatchRow(Base):
    """A batch of the answers of one system to consecutive rows; `sha256` is that of its file, in hexadecimal."""

    __tablename__ = "evaluation_batches"

    evaluation_key: Mapped[int] = mapped_column(
        RowNumber, ForeignKey("evaluations.key", ondelete="CASCADE"), primary_key=True
    )
    system: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    artifact: Mapped[str]
    sha256: Mapped[str]
    row_count: Mapped[int]
    seconds: Mapped[float]


class MachineSpeedRow(Base):
    """The time in which a kind of machine tunes a base model on one token. All tenants share it."""

    __tablename__ = "machine_speeds"

    base_model: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[str] = mapped_column(primary_key=True)
    dtype: Mapped[str] = mapped_column(primary_key=True)
    seconds_per_token: Mapped[float]
    observed_tokens: Mapped[int]
    update_time: Mapped[datetime]


class SnapshotRow(Base):
    """One point of a learning curve. `step` is a column because a resumed run deletes the points after its own step."""

    __tablename__ = "tune_snapshots"

    experiment_key: Mapped[int] = mapped_column(
        RowNumber, ForeignKey("tune_experiments.key", ondelete="CASCADE"), primary_key=True
    )
    sequence: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    step: Mapped[int]
    point: Mapped[dict[str, Any]]


class TunedModelRow(Base):
    """A tuned model. Its tags are not part of the manifest, because they can be changed."""

    __tablename__ = "tuned_models"
    __table_args__ = (
        UniqueConstraint("tenant", "id"),
        Index(None, "tenant", "key"),
        Index(None, "tenant", "create_time", "key"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    tenant: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    id: Mapped[str]
    manifest: Mapped[dict[str, Any]]
    evaluations: Mapped[list[Any]]
    create_time: Mapped[datetime]
    tags: Mapped[dict[str, Any] | None]


class SpaceRow(Base):
    """A space. `change_count` is part of the etag."""

    __tablename__ = "spaces"

    tenant: Mapped[str] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    display_name: Mapped[str]
    stage: Mapped[str]
    description: Mapped[str]
    tags: Mapped[list[Any]]
    policy: Mapped[dict[str, Any] | None]
    change_count: Mapped[int] = mapped_column(server_default=text("0"))
    creator: Mapped[str]
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]


class DeploymentRow(Base):
    """A deployment.

    `change_count` is part of the etag. Revisions up to `passed_over_revision` are not served when they pass their
    probe, because the deployment was rolled back in the meantime. `candidate_revision` is the revision whose rollout
    waits or runs; 0 if there is none. `capture` is set once it was configured.
    """

    __tablename__ = "deployments"
    __table_args__ = (
        ForeignKeyConstraint(["tenant", "space"], ["spaces.tenant", "spaces.id"]),
        UniqueConstraint("tenant", "space", "id"),
        UniqueConstraint("tenant", "serving_name"),
        Index(None, "tenant", "key"),
        Index(None, "tenant", "create_time", "key"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    tenant: Mapped[str]
    space: Mapped[str]
    id: Mapped[str]
    display_name: Mapped[str]
    serving_name: Mapped[str]
    description: Mapped[str]
    tags: Mapped[list[Any]]
    serving_revision: Mapped[int]
    passed_over_revision: Mapped[int]
    candidate_revision: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    capture: Mapped[dict[str, Any] | None]
    change_count: Mapped[int]
    creator: Mapped[str]
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]


class RevisionRow(Base):
    """A revision of a deployment. `rollout` is set if it was not to serve at once."""

    __tablename__ = "deployment_revisions"
    __table_args__ = (Index(None, "state"), Index(None, "tenant", "tuned_model"))

    deployment_key: Mapped[int] = mapped_column(
        RowNumber, ForeignKey("deployments.key", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    tuned_model: Mapped[str | None]
    base_model: Mapped[str | None]
    state: Mapped[str]
    failure: Mapped[dict[str, Any] | None]
    probe_effect: Mapped[float]
    rollout: Mapped[dict[str, Any] | None]
    verdict: Mapped[dict[str, Any] | None]
    create_time: Mapped[datetime]


class CapturedRequestRow(Base):
    """A request of a deployment with its answer and its feedback, redacted.

    A request that was not `captured` has only the input that came with its feedback. `feedback_time` is set once there
    is feedback. `byte_size` is what counts against the tenant's limit.
    """

    __tablename__ = "captured_requests"
    __table_args__ = (
        UniqueConstraint("deployment_key", "request_id"),
        Index(None, "deployment_key", "key"),
        Index(None, "deployment_key", "create_time", "key"),
        Index(None, "deployment_key", "feedback_time", "key"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    deployment_key: Mapped[int] = mapped_column(RowNumber, ForeignKey("deployments.key", ondelete="CASCADE"))
    tenant: Mapped[str]
    request_id: Mapped[str]
    revision: Mapped[int]
    model: Mapped[str]
    input: Mapped[str]
    output: Mapped[str]
    labels: Mapped[list[Any] | None]
    probability: Mapped[float | None]
    threshold: Mapped[float | None]
    abstained: Mapped[bool | None]
    captured: Mapped[bool] = mapped_column(server_default=true())
    right_labels: Mapped[list[Any] | None]
    right_output: Mapped[str | None]
    comment: Mapped[str] = mapped_column(server_default=text("''"))
    score: Mapped[float | None]
    author: Mapped[str | None]
    feedback_time: Mapped[datetime | None]
    correct: Mapped[bool | None]
    byte_size: Mapped[int]
    create_time: Mapped[datetime]


class TrainingSampleRow(Base):
    """A sample of the rows that a tuned model was trained on, with which its requests are compared, without inputs."""

    __tablename__ = "training_samples"
    __table_args__ = (
        ForeignKeyConstraint(["tenant", "tuned_model"], ["tuned_models.tenant", "tuned_models.id"], ondelete="CASCADE"),
    )

    tenant: Mapped[str] = mapped_column(primary_key=True)
    tuned_model: Mapped[str] = mapped_column(primary_key=True)
    sample: Mapped[dict[str, Any]]
    create_time: Mapped[datetime]


class DriftReportRow(Base):
    """The last comparison of the requests of a deployment with the training data of its model.

    A server that finds `due_time` passed sets it ahead, and measures. `last_request` is the key of the newest request
    that the report considers; 0 without a report.
    """

    __tablename__ = "drift_reports"
    __table_args__ = (Index(None, "due_time"),)

    deployment_key: Mapped[int] = mapped_column(
        RowNumber, ForeignKey("deployments.key", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    tenant: Mapped[str]
    report: Mapped[dict[str, Any] | None]
    last_request: Mapped[int]
    due_time: Mapped[datetime]


class CaptureUsageRow(Base):
    """The number and the size of the captured requests of a deployment, so that nobody needs to count them."""

    __tablename__ = "capture_usage"
    __table_args__ = (Index(None, "tenant"),)

    deployment_key: Mapped[int] = mapped_column(
        RowNumber, ForeignKey("deployments.key", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    tenant: Mapped[str]
    request_count: Mapped[int]
    byte_size: Mapped[int]
