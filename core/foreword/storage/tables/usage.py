"""Quotas, and what tenants have used."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from foreword.storage.tables.base import Base


class QuotaRow(Base):
    """The quotas that are set for a tenant, by name."""

    __tablename__ = "quotas"

    tenant: Mapped[str] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    limits: Mapped[dict[str, Any]]
    change_count: Mapped[int]
    update_time: Mapped[datetime]


class UsageRow(Base):
    """An amount that a tenant has used on a day.

    It refers to no other row: deleting what cost something does not delete the cost.
    """

    __tablename__ = "usage"
    __table_args__ = (Index(None, "day"),)

    tenant: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    amount: Mapped[float]


class UsageSegmentRow(Base):
    """A file of a journal of usage, and how many of its bytes are part of the sums."""

    __tablename__ = "usage_segments"

    id: Mapped[str] = mapped_column(primary_key=True)
    rolled_bytes: Mapped[int]
    update_time: Mapped[datetime]
