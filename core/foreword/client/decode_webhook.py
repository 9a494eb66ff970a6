"""Decoding of webhooks and deliveries."""

from __future__ import annotations

from foreword.client import decode_values as values
from foreword.client import webhook_resources as resources
from foreword.domain.webhook import DeliveryProblem, DeliveryState, DisableReason
from foreword.v1 import webhook_pb2, webhook_service_pb2


def webhook(message: webhook_pb2.Webhook) -> resources.Webhook:
    """Decode a webhook."""
    reasons, reason = webhook_pb2.Webhook.DisableReason, message.disable_reason
    return resources.Webhook(
        name=message.name,
        display_name=message.display_name,
        url=message.url,
        kinds=tuple(message.kinds),
        space=message.space,
        enabled=message.enabled,
        disable_reason=values.member(DisableReason, reasons, "DISABLE_REASON_", reason) if reason else None,
        consecutive_failures=message.consecutive_failures,
        failing_since=values.time(message, "failing_since"),
        last_success_time=values.time(message, "last_success_time"),
        secret=message.secret,
        secret_create_time=values.time(message, "secret_create_time"),
        etag=message.etag,
        creator=message.creator,
        create_time=values.time(message, "create_time"),
        update_time=values.time(message, "update_time"),
    )


def delivery_attempt(message: webhook_pb2.DeliveryAttempt, event: str = "") -> resources.DeliveryAttempt:
    """Decode an attempt; `event` is the id of the event of a test."""
    problems, problem = webhook_pb2.DeliveryAttempt.Problem, message.problem
    return resources.DeliveryAttempt(
        problem=values.member(DeliveryProblem, problems, "PROBLEM_", problem) if problem else None,
        status=values.optional(message, "status"),
        detail=message.detail,
        seconds=message.seconds,
        event=event,
    )


def tested(message: webhook_service_pb2.TestWebhookResponse) -> resources.DeliveryAttempt:
    """Decode what came back from a test."""
    return delivery_attempt(message.attempt, message.event)


def webhook_delivery(message: webhook_pb2.WebhookDelivery) -> resources.WebhookDelivery:
    """Decode a delivery."""
    states = webhook_pb2.WebhookDelivery.State
    return resources.WebhookDelivery(
        name=message.name,
        kind=message.kind,
        resource=message.resource,
        state=values.member(DeliveryState, states, "STATE_", message.state),
        attempts=message.attempts,
        last_attempt=delivery_attempt(message.last_attempt) if message.HasField("last_attempt") else None,
        last_attempt_time=values.time(message, "last_attempt_time"),
        next_attempt_time=values.time(message, "next_attempt_time"),
        create_time=values.time(message, "create_time"),
    )
