"""Webhooks and their deliveries for tests of storage."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from factories.stored import store_tenant
from foreword.domain.webhook import Attempt, DeliveryProblem
from foreword.storage.database import Database
from foreword.storage.repositories.webhooks import WebhookRepository
from foreword.storage.tables import WebhookDeliveryRow, WebhookRow
from foreword.storage.workers.delivery_queue import ClaimedDelivery, DeliveryQueue

ACCEPTED = Attempt(status=204, seconds=0.1)
REFUSED = Attempt(problem=DeliveryProblem.BAD_STATUS, status=500, seconds=0.1)
MINUTE = timedelta(minutes=1)


class StoredWebhook:
    """A webhook of a tenant, and what is stored for it.

    Args:
        is_proven: Whether its receiver has accepted an event before.
    """

    def __init__(
        self,
        database: Database,
        *kinds: str,
        tenant: str = "acme",
        id: str = "w",
        is_proven: bool = True,
        **fields: Any,
    ) -> None:
        self._database = database
        self.repository = WebhookRepository(database, store_tenant(database, tenant))
        self.id = id
        self.secret = self.repository.create(
            id=id, url="https://hooks.example.com/", kinds=kinds or ["*"], **fields
        ).secret
        if is_proven:
            with database.write() as session:
                of_this = (WebhookRow.tenant == tenant, WebhookRow.id == id)
                session.execute(update(WebhookRow).where(*of_this).values(last_success_time=database.clock(session)))

    def events(self) -> list[dict[str, Any]]:
        """Return the events that were stored, oldest first."""
        with self._database.read() as session:
            rows = session.scalars(
                select(WebhookDeliveryRow.payload)
                .join(WebhookRow, WebhookRow.key == WebhookDeliveryRow.webhook_key)
                .where(WebhookRow.id == self.id, WebhookRow.tenant == self.repository._tenant)
                .order_by(WebhookDeliveryRow.key)
            )
            return [json.loads(payload) for payload in rows]

    def kinds(self) -> list[str]:
        """Return the kinds of the events that were stored."""
        return [event["type"] for event in self.events()]

    def state(self) -> str:
        """Return the state of the newest delivery."""
        return self.repository.list_deliveries(self.id).items[0].state.value


def delivery_queue(database: Database, wait_seconds: float = 0.0) -> DeliveryQueue:
    """Return a queue that waits equally long after each failure."""
    return DeliveryQueue(database, wait_seconds=lambda _: wait_seconds)


def claim(queue: DeliveryQueue, places: int = 10, lease: timedelta = MINUTE) -> list[ClaimedDelivery]:
    """Claim what is due."""
    return queue.claim(places=places, unproven_places=places, lease=lease)


def let_pass(database: Database, time: timedelta) -> None:
    """Move all webhooks and deliveries into the past, as if this time had passed."""
    with database.write() as session:
        for row in session.scalars(select(WebhookRow)):
            for name in ("retry_time", "next_due_time", "failing_since", "previous_expire_time"):
                if getattr(row, name) is not None:
                    setattr(row, name, getattr(row, name) - time)
        for row in session.scalars(select(WebhookDeliveryRow)):
            for name in ("due_time", "give_up_time", "create_time"):
                setattr(row, name, getattr(row, name) - time)
