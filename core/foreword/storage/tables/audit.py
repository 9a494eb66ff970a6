"""Audit records and the ends of their chains. They stay when their tenant is deleted, until their retention ends."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from foreword.sql.types import RowNumber
from foreword.storage.tables.base import OUTLIVES_TENANT, Base


class AuditRecordRow(Base):
    """An audit record. `tenant` is empty for records that belong to no tenant. No row is ever changed."""

    __tablename__ = "audit_records"
    __table_args__ = (
        UniqueConstraint("tenant", "sequence"),
        Index(None, "tenant", "key"),
        Index(None, "tenant", "time", "key"),
        Index(None, "time", "key"),
        {"sqlite_autoincrement": True, "info": OUTLIVES_TENANT},
    )

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    tenant: Mapped[str]
    sequence: Mapped[int]
    time: Mapped[datetime]
    actor_tenant: Mapped[str]
    actor: Mapped[str]
    peer: Mapped[str]
    method: Mapped[str]
    resource: Mapped[str]
    request_id: Mapped[str]
    trace_id: Mapped[str]
    code: Mapped[str]
    reason: Mapped[str]
    changed_fields: Mapped[list[Any]]
    count: Mapped[int]
    previous_hash: Mapped[str]
    hash: Mapped[str]


class AuditChainRow(Base):
    """The ends of the chain of a tenant's records. Whoever adds or deletes records locks this row."""

    __tablename__ = "audit_chains"
    __table_args__ = ({"info": OUTLIVES_TENANT},)

    tenant: Mapped[str] = mapped_column(primary_key=True)
    anchor_sequence: Mapped[int]
    anchor_hash: Mapped[str]
    last_sequence: Mapped[int]
    last_hash: Mapped[str]
