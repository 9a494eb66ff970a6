"""Webhooks, and the events that are sent to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from foreword.sql.types import RowNumber
from foreword.storage.tables.base import Base


class WebhookRow(Base):
    """A webhook. `change_count` is part of the etag; only changes by its owner count.

    `next_due_time` is the time from which a delivery is due, and null if none waits or the webhook is disabled, so that
    one index finds the work of all senders. `retry_time` is the earliest time of the next attempt after a failed one.
    Whoever changes a delivery locks its webhook first.
    """

    __tablename__ = "webhooks"
    __table_args__ = (
        UniqueConstraint("tenant", "id"),
        Index(None, "tenant", "key"),
        Index(None, "tenant", "create_time", "key"),
        Index(None, "next_due_time"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    tenant: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    id: Mapped[str]
    display_name: Mapped[str]
    url: Mapped[str]
    kinds: Mapped[list[Any]]
    space: Mapped[str | None]
    disable_reason: Mapped[str | None]
    secret: Mapped[str]
    secret_create_time: Mapped[datetime]
    previous_secret: Mapped[str | None]
    previous_expire_time: Mapped[datetime | None]
    consecutive_failures: Mapped[int]
    failing_since: Mapped[datetime | None]
    last_success_time: Mapped[datetime | None]
    retry_time: Mapped[datetime | None]
    next_due_time: Mapped[datetime | None]
    change_count: Mapped[int]
    creator: Mapped[str]
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]


class WebhookDeliveryRow(Base):
    """The delivery of an event to a webhook.

    `payload` is the text that is signed and sent, the same in every attempt. `due_time` is the time of the next attempt
    or, while a sender has the delivery, the time at which its lease expires; every result of a sender is conditional on
    `lease_epoch`. `last` describes the last attempt.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("webhook_key", "id"),
        Index(None, "webhook_key", "key"),
        Index(None, "webhook_key", "state", "due_time"),
        Index(None, "state", "due_time"),
        Index(None, "create_time"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    webhook_key: Mapped[int] = mapped_column(RowNumber, ForeignKey("webhooks.key", ondelete="CASCADE"))
    tenant: Mapped[str]
    id: Mapped[str]
    kind: Mapped[str]
    resource: Mapped[str]
    payload: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int]
    last: Mapped[dict[str, Any] | None]
    last_attempt_time: Mapped[datetime | None]
    due_time: Mapped[datetime]
    give_up_time: Mapped[datetime]
    lease_epoch: Mapped[int]
    create_time: Mapped[datetime]
