"""Rendering of webhooks and deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from rich.text import Text

from foreword.cli.render.listing import duration
from foreword.client import DeliveryAttempt, DeliveryProblem, DisableReason, Webhook, WebhookDelivery

DISABLED: Final[Mapping[DisableReason, str]] = {
    DisableReason.REQUESTED: "It was disabled on request.",
    DisableReason.FAILING: "No attempt has succeeded for 72 hours. Correct the receiver, then enable it.",
    DisableReason.GONE: "The receiver has answered 410 Gone, which asks for no more events.",
    DisableReason.BACKLOG: "10,000 events wait. Correct the receiver, then enable it.",
}
"""Why a webhook is disabled, in words."""

_PROBLEMS: Final[Mapping[DeliveryProblem, str]] = {
    DeliveryProblem.BAD_STATUS: "refused",
    DeliveryProblem.TIMED_OUT: "no answer in time",
    DeliveryProblem.NAME_NOT_FOUND: "the host has no address",
    DeliveryProblem.ADDRESS_REFUSED: "the host has an address that webhooks may not reach",
    DeliveryProblem.NOT_CONNECTED: "the connection was refused",
    DeliveryProblem.TLS_FAILED: "no valid TLS certificate",
    DeliveryProblem.CONNECTION_LOST: "the connection was closed without an answer",
    DeliveryProblem.INVALID_ANSWER: "the answer was not HTTP",
}


def webhook_state(webhook: Webhook) -> Text:
    """Return whether events are sent to a webhook, and whether that works, in its colour."""
    if not webhook.enabled:
        return Text("disabled", style="yellow")
    return Text("failing", style="bold red") if webhook.consecutive_failures else Text("enabled", style="green")


def attempt_text(attempt: DeliveryAttempt) -> str:
    """Return how an attempt ended, such as `refused with status 500 in 0.21 s`."""
    what = "accepted" if attempt.problem is None else _PROBLEMS[attempt.problem]
    status = "" if attempt.status is None else f" with status {attempt.status}"
    detail = f" ({attempt.detail})" if attempt.detail else ""
    return f"{what}{status} in {attempt.seconds:.2f} s{detail}"


def brief_attempt(attempt: DeliveryAttempt) -> str:
    """Return how an attempt ended in a word or two: the status of the answer, or the problem."""
    if attempt.status is not None:
        return str(attempt.status)
    return "" if attempt.problem is None else attempt.problem.value.replace("_", " ")


def delivery_state(delivery: WebhookDelivery) -> str:
    """Return the state of a delivery, with the time until the next attempt, such as `pending, in 5 min`."""
    if delivery.next_attempt_time is None:
        return delivery.state.value
    seconds = (delivery.next_attempt_time - datetime.now(UTC)).total_seconds()
    return f"{delivery.state.value}, {'now' if seconds < 1 else f'in {duration(seconds)}'}"
