"""Counts of the events that wait for webhooks, for metrics."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from foreword.storage.database import Database
from foreword.storage.events.webhook_schedule import WAITING
from foreword.storage.webhook_tables import WebhookDeliveryRow, WebhookRow


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingEvents:
    """The events that wait at one time.

    Attributes:
        events: Number of deliveries to enabled webhooks that have not ended.
        overdue_seconds: Time for which the longest due attempt has been due; 0 if none is.
    """

    events: int
    overdue_seconds: float


def count_waiting(database: Database) -> WaitingEvents:
    """Count the events of all tenants. Blocks.

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
        first = session.scalars(select(func.min(WebhookRow.next_due_time))).one()
        overdue = 0.0 if first is None else max(0.0, (database.clock(session) - first).total_seconds())
        return WaitingEvents(events=events, overdue_seconds=overdue)
