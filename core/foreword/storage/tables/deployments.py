"""Tuned models, and where they serve."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from foreword.sql.types import RowNumber
from foreword.storage.tables.base import Base


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
