from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from foreword.cli.render.webhooks import DISABLED, attempt_text, brief_attempt, delivery_state
from foreword.client import DeliveryAttempt, DeliveryProblem, DeliveryState, DisableReason, WebhookDelivery


def attempt(problem: DeliveryProblem | None, status: int | None = None, detail: str = "") -> DeliveryAttempt:
    return DeliveryAttempt(problem=problem, status=status, detail=detail, seconds=0.214)


def delivery(state: DeliveryState, wait: timedelta | None) -> WebhookDelivery:
    return WebhookDelivery(
        name="tenants/t/webhooks/w/deliveries/e", kind="rollout.promoted", resource="", state=state, attempts=1,
        last_attempt=None, last_attempt_time=None, create_time=None,
        next_attempt_time=None if wait is None else datetime.now(UTC) + wait,
    )  # fmt: skip


@pytest.mark.parametrize("problem", DeliveryProblem)
def test_every_problem_is_described_in_words(problem: DeliveryProblem):
    assert attempt_text(attempt(problem)).endswith(" in 0.21 s")
    assert brief_attempt(attempt(problem)) == problem.value.replace("_", " ")


def test_an_attempt_has_its_status_and_detail():
    assert attempt_text(attempt(None, 204)) == "accepted with status 204 in 0.21 s"
    assert attempt_text(attempt(DeliveryProblem.BAD_STATUS, 500)) == "refused with status 500 in 0.21 s"
    assert attempt_text(attempt(DeliveryProblem.TLS_FAILED, detail="certificate has expired")).endswith("has expired)")
    assert brief_attempt(attempt(DeliveryProblem.BAD_STATUS, 500)) == "500"


def test_a_waiting_delivery_shows_when_it_is_tried_again():
    assert delivery_state(delivery(DeliveryState.PENDING, timedelta(minutes=5, seconds=0.5))) == "pending, in 5 min"
    assert delivery_state(delivery(DeliveryState.PENDING, timedelta(0))) == "pending, now"
    assert delivery_state(delivery(DeliveryState.DELIVERED, None)) == "delivered"


def test_every_reason_for_which_a_webhook_is_disabled_is_explained():
    assert set(DISABLED) == set(DisableReason)
