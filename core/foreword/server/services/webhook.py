"""WebhookService: webhooks and the deliveries of events to them."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from google.protobuf import empty_pb2

from foreword.domain.events import TEST_KIND
from foreword.errors import ExhaustedError
from foreword.names import TenantName, WebhookDeliveryName, WebhookName
from foreword.server.callers.auth import current_caller, require_own
from foreword.server.callers.token_buckets import TokenBuckets
from foreword.server.calls.pools import READ_SECONDS, WRITE_SECONDS
from foreword.server.convert import webhook as convert
from foreword.server.convert.paging import parse_list_request
from foreword.server.services.idempotency import request_key
from foreword.server.services.responses import fill_page
from foreword.server.webhooks.deliveries import Deliveries
from foreword.storage.database import Database
from foreword.storage.events.outbox import new_event_id, payload_of
from foreword.storage.repositories.audit_log import AuditLog
from foreword.storage.repositories.webhooks import WebhookRepository
from foreword.turns.turn_pool import TurnPool
from foreword.v1 import webhook_pb2, webhook_service_pb2, webhook_service_pb2_grpc

_TESTS_AT_ONCE: Final = 2
_PER_MINUTE: Final = 30
"""Tests, and events that are sent again, of a tenant in a minute. Both reach a receiver at once, at a caller's will."""


class WebhookService(webhook_service_pb2_grpc.WebhookServiceServicer):
    """The implementation of `foreword.v1.WebhookService`."""

    def __init__(self, *, database: Database, storage: TurnPool, deliveries: Deliveries) -> None:
        self._database = database
        self._storage = storage
        self._audit_log = AuditLog(database)
        self._rules = deliveries.rules
        self._client = deliveries.client
        self._dispatcher = deliveries.dispatcher
        self._tests: Counter[str] = Counter()
        self._buckets = TokenBuckets(per_second=_PER_MINUTE / 60, capacity=_PER_MINUTE)

    async def CreateWebhook(
        self, request: webhook_service_pb2.CreateWebhookRequest, context: Any
    ) -> webhook_pb2.Webhook:
        """Create a webhook and return its secret."""
        new = convert.parse_new_webhook(request, self._rules)
        key = request_key("CreateWebhook", request)
        caller = current_caller()
        if new.tenant is not None:
            require_own(new.tenant, request.parent)
        if new.space is not None:
            require_own(new.space.tenant, str(new.space))
        made = await self._storage.run(
            caller.tenant,
            WRITE_SECONDS,
            self._webhooks(caller.tenant).create,
            display_name=new.display_name,
            url=new.url,
            kinds=new.kinds,
            space=None if new.space is None else new.space.space,
            enabled=new.enabled,
            id=new.id,
            creator=caller.api_key,
            request=key,
        )
        return convert.webhook(made.webhook, made.secret)

    async def GetWebhook(self, request: webhook_service_pb2.GetWebhookRequest, context: Any) -> webhook_pb2.Webhook:
        """Return a webhook."""
        name = self._name(request.name)
        found = await self._storage.run(name.tenant, READ_SECONDS, self._webhooks(name.tenant).get, name.webhook)
        return convert.webhook(found)

    async def ListWebhooks(
        self, request: webhook_service_pb2.ListWebhooksRequest, context: Any
    ) -> webhook_service_pb2.ListWebhooksResponse:
        """List webhooks, newest first."""
        caller = current_caller()
        if request.parent:
            require_own(TenantName.parse(request.parent, "parent").tenant, request.parent)
        listed = parse_list_request(request)
        webhooks = self._webhooks(caller.tenant)
        return await fill_page(
            self._storage,
            webhook_service_pb2.ListWebhooksResponse(),
            "webhooks",
            lambda take: webhooks.list(listed, take=take),
            convert.webhook,
        )

    async def UpdateWebhook(
        self, request: webhook_service_pb2.UpdateWebhookRequest, context: Any
    ) -> webhook_pb2.Webhook:
        """Change a webhook."""
        change = convert.parse_webhook_change(request, self._rules)
        key = request_key("UpdateWebhook", request)
        require_own(change.name.tenant, str(change.name))
        updated = await self._storage.run(
            change.name.tenant,
            WRITE_SECONDS,
            self._webhooks(change.name.tenant).update,
            change.name.webhook,
            etag=change.etag,
            display_name=change.display_name,
            url=change.url,
            kinds=change.kinds,
            enabled=change.enabled,
            request=key,
        )
        self._dispatcher.wake()
        return convert.webhook(updated)

    async def DeleteWebhook(self, request: webhook_service_pb2.DeleteWebhookRequest, context: Any) -> empty_pb2.Empty:
        """Delete a webhook."""
        name = self._name(request.name)
        await self._storage.run(name.tenant, WRITE_SECONDS, self._webhooks(name.tenant).delete, name.webhook)
        return empty_pb2.Empty()

    async def RotateWebhookSecret(
        self, request: webhook_service_pb2.RotateWebhookSecretRequest, context: Any
    ) -> webhook_pb2.Webhook:
        """Make a new secret and return it."""
        name = self._name(request.name)
        made = await self._storage.run(
            name.tenant,
            WRITE_SECONDS,
            self._webhooks(name.tenant).rotate_secret,
            name.webhook,
            overlap=convert.parse_overlap(request),
            request=request_key("RotateWebhookSecret", request),
        )
        return convert.webhook(made.webhook, made.secret)

    async def TestWebhook(
        self, request: webhook_service_pb2.TestWebhookRequest, context: Any
    ) -> webhook_service_pb2.TestWebhookResponse:
        """Send a test event and return what came back."""
        name = self._name(request.name)
        receiver = await self._storage.run(
            name.tenant, READ_SECONDS, self._webhooks(name.tenant).receiver, name.webhook
        )
        if self._tests[name.tenant] >= _TESTS_AT_ONCE:
            raise ExhaustedError(
                f"{_TESTS_AT_ONCE} tests of webhooks are under way. Try again when they have ended.",
                reason="TOO_MANY_TESTS",
                quota=str(TenantName(name.tenant)),
            )
        self._check_rate(name.tenant)
        event = new_event_id()
        payload = payload_of(TEST_KIND, datetime.now(UTC), {"resource": str(name)})
        await self._storage.run(name.tenant, WRITE_SECONDS, self._audit_log.record_current_action)
        self._tests[name.tenant] += 1
        try:
            attempt = await self._client.post(
                name.tenant, receiver.url, id=event, payload=payload, secrets=receiver.secrets
            )
        finally:
            self._tests[name.tenant] -= 1
            if not self._tests[name.tenant]:
                del self._tests[name.tenant]
        return webhook_service_pb2.TestWebhookResponse(attempt=convert.attempt(attempt), event=event)

    async def ListWebhookDeliveries(
        self, request: webhook_service_pb2.ListWebhookDeliveriesRequest, context: Any
    ) -> webhook_service_pb2.ListWebhookDeliveriesResponse:
        """List the deliveries to a webhook, newest first."""
        name = WebhookName.parse(request.parent, "parent")
        require_own(name.tenant, request.parent)
        listed = parse_list_request(request)
        webhooks = self._webhooks(name.tenant)
        return await fill_page(
            self._storage,
            webhook_service_pb2.ListWebhookDeliveriesResponse(),
            "deliveries",
            lambda take: webhooks.list_deliveries(name.webhook, listed, take=take),
            convert.delivery,
        )

    async def RedeliverWebhookDelivery(
        self, request: webhook_service_pb2.RedeliverWebhookDeliveryRequest, context: Any
    ) -> webhook_pb2.WebhookDelivery:
        """Send an event again."""
        name = WebhookDeliveryName.parse(request.name)
        require_own(name.tenant, request.name)
        self._check_rate(name.tenant)
        found = await self._storage.run(
            name.tenant, WRITE_SECONDS, self._webhooks(name.tenant).redeliver, name.webhook, name.delivery
        )
        self._dispatcher.wake()
        return convert.delivery(found)

    def _check_rate(self, tenant: str) -> None:
        """Raise ExhaustedError if a tenant has tested webhooks, or sent events again, too often."""
        now = time.monotonic()
        if self._buckets.take(tenant, now):
            return
        raise ExhaustedError(
            f"At most {_PER_MINUTE} tests of webhooks and repeated deliveries are allowed in a minute.",
            reason="TOO_MANY_TESTS",
            retry_after=timedelta(seconds=self._buckets.wait_seconds(tenant, now)),
            quota=str(TenantName(tenant)),
        )

    def _name(self, text: str) -> WebhookName:
        name = WebhookName.parse(text)
        require_own(name.tenant, text)
        return name

    def _webhooks(self, tenant: str) -> WebhookRepository:
        return WebhookRepository(self._database, tenant)
