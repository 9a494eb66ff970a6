"""When the deliveries of a webhook are due, on a row that the transaction has locked."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foreword.domain.webhook import DeliveryState, DisableReason
from foreword.storage.tables import WebhookDeliveryRow, WebhookRow

WAITING: Final = (DeliveryState.PENDING.value, DeliveryState.SENDING.value)
"""Values of the states in which a delivery has not ended."""


def disable(webhook: WebhookRow, reason: DisableReason, now: datetime) -> None:
    """Disable a webhook. Its deliveries wait until it is enabled again."""
    webhook.disable_reason = reason.value
    webhook.next_due_time = None
    webhook.change_count += 1
    webhook.update_time = now


def reschedule(session: Session, webhook: WebhookRow) -> None:
    """Set the time at which the next delivery of a webhook is due."""
    if webhook.disable_reason is not None:
        webhook.next_due_time = None
        return
    session.flush()
    first = select(func.min(WebhookDeliveryRow.due_time)).where(WebhookDeliveryRow.webhook_key == webhook.key)
    found = [session.scalars(first.where(WebhookDeliveryRow.state == state)).one() for state in WAITING]
    due = min((time for time in found if time is not None), default=None)
    waits = due is not None and webhook.retry_time is not None and webhook.retry_time > due
    webhook.next_due_time = webhook.retry_time if waits else due
