"""Counts of webhooks and of the events that wait for them, for metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from foreword.domain.webhook import DisableReason
from foreword.storage.active_tenants import of_active_tenant
from foreword.storage.database import Database
from foreword.storage.events.webhook_schedule import WAITING
from foreword.storage.tables import WebhookDeliveryRow, WebhookRow


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCounts:
    """The webhooks of all tenants at one time.

    Attributes:
        events: Number of deliveries to enabled webhooks that have not ended.
        overdue_seconds: Time for which the longest due attempt of an active tenant has been due; 0 if none is.
        disabled: Number of disabled webhooks by the reason; what is 0 is left out.
    """

    events: int
    overdue_seconds: float
    disabled: Mapping[DisableReason, int]


def count_webhooks(database: Database) -> WebhookCounts:
    """Count the webhooks of all tenants. Blocks.

    Raises:
        UnavailableError: The database cannot be reached.
    """
    with database.read() as session:
        events = session.scalars(
            select(func.count())
            .select_from(WebhookDeliveryRow)
            .join(WebhookRow, WebhookRow.key == WebhookDeliveryRow.webhook_key)
            .where(WebhookDeliveryRow.state.in_(WAITING), WebhookRow.disable_reason.is_(None))
        ).one()
        first = session.scalars(
            select(func.min(WebhookRow.next_due_time)).where(of_active_tenant(WebhookRow.tenant))
        ).one()
        overdue = 0.0 if first is None else max(0.0, (database.clock(session) - first).total_seconds())
        reasons = session.execute(
            select(WebhookRow.disable_reason, func.count())
            .where(WebhookRow.disable_reason.is_not(None))
            .group_by(WebhookRow.disable_reason)
        )
        disabled = {DisableReason(reason): count for reason, count in reasons}
        return WebhookCounts(events=events, overdue_seconds=overdue, disabled=disabled)
