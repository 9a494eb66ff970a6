"""Captured requests of deployments, and what is computed from them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text, true
from sqlalchemy.orm import Mapped, mapped_column

from foreword.sql.types import RowNumber
from foreword.storage.tables.base import Base


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
        Index(None, "deployment_key", "captured", "key", "byte_size"),
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
    that the report considers; 0 without a report. `drifted_looks` is the number of reports in a row, this one the last,
    that show a drift of the same model; unset in reports from before it was counted.
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
    drifted_looks: Mapped[int | None]


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
