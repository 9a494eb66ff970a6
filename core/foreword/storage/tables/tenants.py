"""Tenants, their keys, and the requests that are answered only once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from foreword.sql.types import RowNumber
from foreword.storage.tables.base import Base


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
