"""Webhooks and deliveries of events as the client returns them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from foreword.domain.webhook import DeliveryProblem, DeliveryState, DisableReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A URL to which the service sends events.

    Attributes:
        kinds: Kinds of events, such as `tune_experiment.succeeded`, `rollout.*` or `*`.
        space: Resource name of the space to which events of deployments are limited; empty for all.
        disable_reason: Why it is disabled; None while it is enabled.
        consecutive_failures: Number of attempts that have failed since the last success.
        failing_since: Time of the first of them; None without any.
        last_success_time: When the receiver has last accepted an event; None if it never has.
        secret: Secret to verify events with; empty unless it was just made.
    """

    name: str
    display_name: str
    url: str
    kinds: tuple[str, ...]
    space: str
    enabled: bool
    disable_reason: DisableReason | None
    consecutive_failures: int
    failing_since: datetime | None
    last_success_time: datetime | None
    secret: str = field(repr=False)
    secret_create_time: datetime | None
    etag: str
    creator: str
    create_time: datetime | None
    update_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt:
    """How an attempt to deliver an event ended.

    Attributes:
        problem: Why it failed; None if the receiver accepted the event.
        status: HTTP status of the answer; None without one.
        detail: More about the problem in a few words; may be empty.
        seconds: Time that it took.
        event: Id of the event, if this was a test; empty otherwise.
    """

    problem: DeliveryProblem | None
    status: int | None
    detail: str
    seconds: float
    event: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery:
    """The delivery of an event to a webhook.

    Attributes:
        name: Resource name; its last part is the id of the event.
        kind: Kind of the event.
        resource: Name of the resource that the event is about.
        attempts: Number of attempts that have ended.
        last_attempt: How the last one ended; None before the first.
        next_attempt_time: When the next one is due; None if there will be none, or while the webhook is disabled.
        create_time: When the event happened.
    """

    name: str
    kind: str
    resource: str
    state: DeliveryState
    attempts: int
    last_attempt: DeliveryAttempt | None
    last_attempt_time: datetime | None
    next_attempt_time: datetime | None
    create_time: datetime | None
