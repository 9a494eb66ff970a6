"""The outbox: events for webhooks, stored in the transaction of the change that they describe.

If the transaction is rolled back, there is no event; if it is committed, the event is delivered however often servers
and workers die. `storage.workers.delivery_queue` hands the deliveries to senders.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foreword.domain.events import Event, selects
from foreword.domain.webhook import GIVE_UP, MAX_WAITING, DeliveryState, DisableReason
from foreword.names import WebhookName
from foreword.observability.logging import get_logger
from foreword.storage.events.webhook_schedule import WAITING, disable
from foreword.storage.tables import WebhookDeliveryRow, WebhookRow

_log = get_logger("webhooks")


def publish(session: Session, tenant: str, event: Event, now: datetime) -> None:
    """Store an event for every webhook of a tenant that is enabled and wants it.

    Args:
        session: The transaction that makes the change, which may lock the webhooks but no jobs after this.
        now: The database's time, which becomes that of the event.
    """
    publish_made(session, tenant, lambda: [event], now)


def publish_made(session: Session, tenant: str, make: Callable[[], Sequence[Event]], now: datetime) -> None:
    """Store events like `publish`; they are only made if the tenant has a webhook, because that may take more reads."""
    kinds = select(WebhookRow.key, WebhookRow.kinds, WebhookRow.space)
    enabled = session.execute(kinds.where(WebhookRow.tenant == tenant, WebhookRow.disable_reason.is_(None))).all()
    if not enabled:
        return
    for event in make():
        wanted = [
            key
            for key, patterns, space in enabled
            if selects(patterns, event.kind) and (None in (space, event.space) or space == event.space)
        ]
        if wanted:
            _store(session, wanted, tenant, event, now)


def payload_of(kind: str, moment: datetime, data: Mapping[str, Any]) -> str:
    """Return the text that is sent: JSON with the fields of https://www.standardwebhooks.com."""
    body = {"type": kind, "timestamp": moment.isoformat().replace("+00:00", "Z"), "data": _plain(data)}
    return json.dumps(body, allow_nan=False, separators=(",", ":"))


def new_event_id() -> str:
    """Return a new id of an event, with 64 random bits as those of resources."""
    return f"evt-{secrets.token_hex(8)}"


def _plain(value: Any) -> Any:
    """Return a value with null in place of the numbers that JSON does not have, such as an infinite perplexity."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return value


def _store(session: Session, webhooks: Sequence[int], tenant: str, event: Event, now: datetime) -> None:
    # Locked, so that none is deleted before the commit, and in one order, so that two transactions never wait for each
    # other. The lock lets others read and refer to the webhook.
    locked = session.scalars(
        select(WebhookRow)
        .where(WebhookRow.key.in_(webhooks), WebhookRow.disable_reason.is_(None))
        .order_by(WebhookRow.key)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    id, payload = new_event_id(), payload_of(event.kind.value, now, {"resource": event.resource, **event.data})
    for webhook in locked:
        if _count_waiting(session, webhook) >= MAX_WAITING:
            disable(webhook, DisableReason.BACKLOG, now)
            _log.warning("webhook_disabled", webhook=str(WebhookName(tenant, webhook.id)), reason="backlog")
            continue
        session.add(
            WebhookDeliveryRow(
                webhook_key=webhook.key,
                tenant=tenant,
                id=id,
                kind=event.kind.value,
                resource=event.resource,
                payload=payload,
                state=DeliveryState.PENDING.value,
                attempts=0,
                last=None,
                last_attempt_time=None,
                due_time=now,
                give_up_time=now + GIVE_UP,
                lease_epoch=0,
                create_time=now,
            )
        )
        due = now if webhook.retry_time is None else max(now, webhook.retry_time)
        webhook.next_due_time = due if webhook.next_due_time is None else min(webhook.next_due_time, due)
    session.flush()  # the rows of further events are counted, too


def _count_waiting(session: Session, webhook: WebhookRow) -> int:
    """Return the number of deliveries that wait, at most `MAX_WAITING`."""
    waiting = (
        select(WebhookDeliveryRow.key)
        .where(WebhookDeliveryRow.webhook_key == webhook.key, WebhookDeliveryRow.state.in_(WAITING))
        .limit(MAX_WAITING)
        .subquery()
    )
    return session.scalars(select(func.count()).select_from(waiting)).one()
