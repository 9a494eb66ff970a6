"""The parts that deliver the events of a server, assembled from its settings."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from foreword.backoff import Backoff
from foreword.config import Settings
from foreword.domain.webhook import Attempt
from foreword.server.calls.pools import Pools
from foreword.server.webhooks.dispatcher import Dispatcher, DispatcherSettings
from foreword.server.webhooks.receiver_client import ClientLimits, ReceiverClient, Resolve
from foreword.server.webhooks.target import WebhookRules
from foreword.storage.database import Database
from foreword.storage.workers.delivery_queue import DeliveryQueue, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTimes:
    """Times and limits of deliveries.

    Attributes:
        first_wait_seconds: Longest wait after the first failed attempt of an event. It doubles with each failure; the
            waits are random up to it.
        longest_wait_seconds: Longest wait of all.
        dispatcher: How often a server looks for events, and how many attempts it makes at once.
        limits: Time limits of an attempt.
    """

    first_wait_seconds: float = 10.0
    longest_wait_seconds: float = 6 * 3600.0
    dispatcher: DispatcherSettings = field(default_factory=DispatcherSettings)
    limits: ClientLimits = field(default_factory=ClientLimits)


class Deliveries:
    """The deliveries of one server.

    Args:
        on_attempt: Called with each attempt that counts and what follows from it.
        resolve: Resolves the names of receivers. Default: the system's resolver.
        ssl_context: Default: that of Python.

    Attributes:
        rules: What the operator allows.
        client: Sends events.
        dispatcher: The background task.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        pools: Pools,
        times: DeliveryTimes | None = None,
        on_attempt: Callable[[Attempt, Result], object] = lambda _attempt, _result: None,
        resolve: Resolve | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        times = times or DeliveryTimes()
        backoff = Backoff(times.first_wait_seconds, times.longest_wait_seconds, Random())  # noqa: S311 - jitter
        self.rules = WebhookRules.of(settings)
        self.client = ReceiverClient(
            resolving=pools.resolving,
            rules=self.rules,
            proxy=settings.webhook_proxy,
            limits=times.limits,
            resolve=resolve,
            ssl_context=ssl_context,
        )
        self.dispatcher = Dispatcher(
            queue=DeliveryQueue(database, wait_seconds=backoff.seconds),
            client=self.client,
            storage=pools.storage,
            settings=times.dispatcher,
            on_attempt=on_attempt,
        )
