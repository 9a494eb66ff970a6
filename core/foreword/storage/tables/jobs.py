"""Jobs, and the resources that workers work on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, and_, false, text
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from foreword.domain.job import JobKind
from foreword.sql.types import RowNumber
from foreword.storage.tables.base import Base


class JobRow(Base):
    """A job with its lease: work of one kind on one resource.

    A lease is the pair of epoch and worker; every write of a worker is conditional on both. `runs_alone` says that the
    worker must have no other job meanwhile. `yield_time` is set while the job waits between two turns. `beat_time` is
    that of the last heartbeat of its worker, and `update_time` that of the last change of the job or of its results.
    `traceparent` is the W3C trace context of the request that created it. Whoever changes a job or its resource locks
    the job first.
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
    traceparent: Mapped[str | None]


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

    `examples_dataset` is the id of the dataset from which examples are taken. `rows_file` is set once it has rows.
    `retry_of` is the id of the evaluation that it repeats, and `resumed_count` the number of answers taken over.
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
    retry_of: Mapped[str | None]
    resumed_count: Mapped[int] = mapped_column(server_default=text("0"))

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


class BatchJobRow(Base):
    """A batch job. Its job has the same tenant, the kind `batch` and the batch job's id as resource.

    `retry_of` is the id of the batch job that it repeats, and `resumed_count` the number of answers taken over.
    """

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
    retry_of: Mapped[str | None]
    resumed_count: Mapped[int] = mapped_column(server_default=text("0"))

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
    """A part of the answers of a batch job, to consecutive rows; `sha256` is that of its file, in hexadecimal.

    `abstained_count` is unset in parts that were stored before it was counted.
    """

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
    abstained_count: Mapped[int | None]


class MachineSpeedRow(Base):
    """The time in which a kind of machine tunes a base model on one token. All tenants share it."""

    __tablename__ = "machine_speeds"

    base_model: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[str] = mapped_column(primary_key=True)
    dtype: Mapped[str] = mapped_column(primary_key=True)
    seconds_per_token: Mapped[float]
    observed_tokens: Mapped[int]
    update_time: Mapped[datetime]
