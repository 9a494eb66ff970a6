"""Datasets, and files that no row refers to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from foreword.sql.types import RowNumber
from foreword.storage.tables.base import Base


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
