"""Tenants, their keys, and the requests that are answered only once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from foreword.sql.types import RowNumber
from foreword.storage.tables.base import Base


class TenantRow(Base):
    """A tenant.

    `state` is `deleting` while `delete_time` is set, otherwise `suspended` while `suspend_time` is, and otherwise
    `active`. `change_count` is part of the etag. `recent_compute_seconds` is its decaying compute time as of
    `recent_compute_time`.
    """

    __tablename__ = "tenants"

    id: Mapped[str] = mapped_column(primary_key=True)
    display_name: Mapped[str]
    create_time: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="active", server_default=text("'active'"))
    suspend_reason: Mapped[str] = mapped_column(default="", server_default=text("''"))
    suspend_time: Mapped[datetime | None]
    delete_time: Mapped[datetime | None]
    purge_time: Mapped[datetime | None]
    change_count: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    update_time: Mapped[datetime | None]
    recent_compute_seconds: Mapped[float] = mapped_column(default=0.0, server_default="0")
    recent_compute_time: Mapped[datetime | None]


class ApiKeyRow(Base):
    """An API key, without its secret. `parent` is the id of the key that created a child key."""

    __tablename__ = "api_keys"
    __table_args__ = (
        UniqueConstraint("id"),
        Index(None, "tenant", "key"),
        Index(None, "parent"),
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
    parent: Mapped[str | None]
    last_use_time: Mapped[datetime | None]


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
