"""The queue of deliveries: claims, retries, and what happens to webhooks that fail."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from factories.stored_webhooks import (
    ACCEPTED,
    MINUTE,
    REFUSED,
    StoredWebhook,
    claim,
    delivery_queue,
    let_pass,
)
from foreword.domain.events import Event, EventKind
from foreword.domain.webhook import Attempt, DeliveryProblem, DisableReason
from foreword.errors import FailedPreconditionError, NotFoundError
from foreword.storage.database import Database
from foreword.storage.events import outbox
from foreword.storage.events.outbox import publish
from foreword.storage.repositories.tenant_lifecycle import TenantLifecycle
from foreword.storage.workers import delivery_queue as queues
from foreword.storage.workers.delivery_counts import count_webhooks
from foreword.storage.workers.delivery_queue import Verdict

DAY = timedelta(days=1)


def happen(database: Database, count: int = 1, tenant: str = "acme") -> None:
    """Store events."""
    for number in range(count):
        with database.write() as session:
            event = Event(kind=EventKind.ROLLOUT_PROMOTED, resource=f"tenants/{tenant}/spaces/s/deployments/{number}")
            publish(session, tenant, event, database.clock(session))


def test_an_event_is_claimed_once_and_delivered_with_what_was_stored(database: Database):
    webhook, queue = StoredWebhook(database), delivery_queue(database)
    happen(database)
    (claimed,) = claim(queue)

    assert claim(queue) == []
    assert claimed.secrets == (webhook.secret,)
    assert claimed.url == "https://hooks.example.com/"
    assert webhook.state() == "sending"
    assert queue.finish(claimed, ACCEPTED).verdict is Verdict.DELIVERED
    assert webhook.state() == "delivered"
    assert claim(queue) == []


def test_senders_that_claim_together_share_the_events(database: Database):
    webhooks = [StoredWebhook(database, tenant=f"t{number}") for number in range(6)]
    for number in range(6):
        happen(database, 2, tenant=f"t{number}")

    with ThreadPoolExecutor(4) as threads:
        claims = [future.result() for future in [threads.submit(claim, delivery_queue(database), 3) for _ in range(4)]]

    keys = [item.key for claimed in claims for item in claimed]
    assert len(keys) == len(set(keys)) == 12
    assert {webhook.state() for webhook in webhooks} == {"sending"}


def test_an_event_whose_sender_died_is_taken_by_another_one_and_the_first_changes_nothing(database: Database):
    webhook, queue = StoredWebhook(database), delivery_queue(database)
    happen(database)
    (dead,) = claim(queue)
    let_pass(database, 2 * MINUTE)
    (taken,) = claim(queue)

    assert (taken.id, taken.payload, taken.epoch) == (dead.id, dead.payload, dead.epoch + 1)
    assert queue.finish(dead, ACCEPTED).verdict is Verdict.LOST
    assert webhook.state() == "sending"
    assert queue.finish(taken, ACCEPTED).verdict is Verdict.DELIVERED


def test_a_sender_that_stops_gives_its_events_back_at_once(database: Database):
    StoredWebhook(database)
    queue = delivery_queue(database)
    happen(database)
    (claimed,) = claim(queue)
    queue.release(claimed)
    (again,) = claim(queue)

    assert again.id == claimed.id


def test_a_refused_event_is_tried_again_after_its_wait_with_the_same_id(database: Database):
    webhook, queue = StoredWebhook(database), delivery_queue(database, wait_seconds=30.0)
    happen(database)
    (first,) = claim(queue)
    assert queue.finish(first, REFUSED).verdict is Verdict.RETRIED
    listed = webhook.repository.list_deliveries("w").items[0]
    before = claim(queue)
    let_pass(database, timedelta(seconds=31))
    (second,) = claim(queue)

    assert before == []
    assert (second.id, second.payload) == (first.id, first.payload)
    assert (listed.attempts, listed.state.value) == (1, "pending")
    assert listed.last == REFUSED
    assert listed.next_attempt_time is not None


def test_a_receiver_that_asks_for_time_gets_it_for_all_of_its_events(database: Database):
    StoredWebhook(database)
    queue = delivery_queue(database)
    happen(database, 2)
    first, second = claim(queue)
    asked = Attempt(problem=DeliveryProblem.BAD_STATUS, status=429, retry_after=timedelta(minutes=10))
    queue.finish(first, asked)
    queue.release(second)
    happen(database)
    let_pass(database, 9 * MINUTE)
    before = claim(queue)
    let_pass(database, 2 * MINUTE)

    assert before == []
    assert len(claim(queue)) == 1


def test_events_of_a_suspended_tenant_wait_and_have_the_full_time_when_it_is_resumed(database: Database):
    webhook, queue, lifecycle = StoredWebhook(database), delivery_queue(database), TenantLifecycle(database)
    StoredWebhook(database, tenant="globex")
    happen(database)
    happen(database, tenant="globex")
    lifecycle.suspend("acme")
    suspended = [item.tenant for item in claim(queue)]
    overdue = count_webhooks(database).overdue_seconds
    let_pass(database, 10 * DAY)
    lifecycle.resume("acme")
    claims = {item.tenant: item for item in claim(queue)}

    assert suspended == ["globex"]
    assert overdue == 0
    assert queue.finish(claims["acme"], REFUSED).verdict is Verdict.RETRIED
    assert webhook.state() == "pending"


def test_no_receiver_can_put_its_events_off_for_more_than_a_day(database: Database):
    StoredWebhook(database)
    queue = delivery_queue(database)
    happen(database)
    (claimed,) = claim(queue)
    queue.finish(claimed, Attempt(problem=DeliveryProblem.BAD_STATUS, status=503, retry_after=timedelta(days=900)))
    let_pass(database, DAY + MINUTE)

    assert len(claim(queue)) == 1


def test_an_event_is_given_up_after_three_days_with_an_attempt_at_their_end(database: Database):
    webhook, queue = StoredWebhook(database), delivery_queue(database, wait_seconds=6 * 86_400.0)
    happen(database)
    (first,) = claim(queue)
    queue.finish(first, REFUSED)
    let_pass(database, 3 * DAY - MINUTE)
    before = claim(queue)
    let_pass(database, 2 * MINUTE)
    (last,) = claim(queue)
    result = queue.finish(last, REFUSED)

    assert before == []
    assert result.verdict is Verdict.GIVEN_UP
    assert webhook.state() == "failed"
    assert claim(queue) == []


def test_a_webhook_that_never_succeeds_while_an_event_is_given_up_is_disabled(database: Database):
    webhook, queue = StoredWebhook(database), delivery_queue(database)
    happen(database)
    (first,) = claim(queue)
    queue.finish(first, REFUSED)
    happen(database)
    let_pass(database, 3 * DAY)
    last, other = claim(queue, 1), []
    result = queue.finish(last[0], REFUSED)
    other = webhook.repository.list_deliveries("w").items[0]
    found = webhook.repository.get("w")
    happen(database)

    assert result.disabled is DisableReason.FAILING
    assert (found.enabled, found.disable_reason) == (False, DisableReason.FAILING)
    assert (other.state.value, other.next_attempt_time) == ("pending", None)
    assert claim(queue) == []
    assert len(webhook.events()) == 2, "a disabled webhook gets no new events"


def test_a_webhook_that_succeeds_now_and_then_stays_enabled(database: Database):
    webhook, queue = StoredWebhook(database), delivery_queue(database)
    happen(database)
    (poison,) = claim(queue)
    queue.finish(poison, REFUSED)
    let_pass(database, 2 * DAY)
    happen(database)
    for _ in range(2):
        (claimed,) = claim(queue)
        queue.finish(claimed, REFUSED if claimed.id == poison.id else ACCEPTED)
    let_pass(database, 2 * DAY)
    (last,) = claim(queue)

    assert last.id == poison.id
    assert queue.finish(last, REFUSED).verdict is Verdict.GIVEN_UP
    assert webhook.repository.get("w").enabled


def test_a_receiver_that_is_gone_is_disabled_at_once(database: Database):
    webhook, queue = StoredWebhook(database), delivery_queue(database)
    happen(database)
    (claimed,) = claim(queue)
    result = queue.finish(claimed, Attempt(problem=DeliveryProblem.BAD_STATUS, status=410))

    assert result.disabled is DisableReason.GONE
    assert webhook.repository.get("w").disable_reason is DisableReason.GONE


def test_a_webhook_for_which_too_many_events_wait_is_disabled(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outbox, "MAX_WAITING", 3)
    webhook, healthy = StoredWebhook(database, id="full"), StoredWebhook(database, id="healthy")
    happen(database, 3)
    for claimed in claim(delivery_queue(database)):
        if claimed.webhook == "healthy":
            delivery_queue(database).finish(claimed, ACCEPTED)
    happen(database, 2)

    assert webhook.repository.get("full").disable_reason is DisableReason.BACKLOG
    assert len(webhook.events()) == 3
    assert healthy.repository.get("healthy").enabled
    assert len(healthy.events()) == 5


def test_what_waits_for_a_disabled_webhook_is_sent_when_it_is_enabled(database: Database):
    webhook, queue = StoredWebhook(database), delivery_queue(database, wait_seconds=3600.0)
    happen(database)
    (claimed,) = claim(queue)
    queue.finish(claimed, REFUSED)
    webhook.repository.update("w", enabled=False)
    let_pass(database, 2 * DAY)
    before = claim(queue)
    updated = webhook.repository.update("w", enabled=True)

    assert before == []
    assert (updated.enabled, updated.consecutive_failures, updated.failing_since) == (True, 0, None)
    assert [item.id for item in claim(queue)] == [claimed.id]


def test_what_waits_is_sent_at_once_to_a_new_url(database: Database):
    webhook, queue = StoredWebhook(database), delivery_queue(database, wait_seconds=3600.0)
    happen(database)
    (claimed,) = claim(queue)
    queue.finish(claimed, REFUSED)
    webhook.repository.update("w", url="https://new.example.com/")

    assert [item.url for item in claim(queue)] == ["https://new.example.com/"]


def test_the_answer_of_an_earlier_url_says_nothing_about_a_new_one(database: Database):
    webhook, queue = StoredWebhook(database), delivery_queue(database, wait_seconds=3600.0)
    happen(database, 2)
    accepted, gone = claim(queue)
    webhook.repository.update("w", url="https://new.example.com/")
    queue.finish(accepted, ACCEPTED)
    result = queue.finish(gone, Attempt(problem=DeliveryProblem.BAD_STATUS, status=410))

    found = webhook.repository.get("w")
    assert (result.verdict, result.disabled) == (Verdict.RETRIED, None)
    assert (found.enabled, found.consecutive_failures, found.last_success_time) == (True, 0, None)
    assert [(item.id, item.url) for item in claim(queue)] == [(gone.id, "https://new.example.com/")]


def test_a_result_that_comes_after_the_webhook_was_disabled_wakes_nobody(database: Database):
    webhook, queue = StoredWebhook(database), delivery_queue(database)
    happen(database)
    (claimed,) = claim(queue)
    webhook.repository.update("w", enabled=False)
    assert queue.finish(claimed, REFUSED).verdict is Verdict.RETRIED

    assert claim(queue) == []


def test_a_deleted_webhook_takes_its_events_along(database: Database):
    webhook, queue = StoredWebhook(database), delivery_queue(database)
    happen(database, 2)
    (claimed,) = claim(queue, 1)
    webhook.repository.delete("w")

    assert queue.finish(claimed, ACCEPTED).verdict is Verdict.LOST
    assert claim(queue) == []
    with pytest.raises(NotFoundError):
        webhook.repository.list_deliveries("w")


def test_a_webhook_can_be_deleted_while_events_are_stored_for_it(database: Database):
    for round in range(5):
        webhook = StoredWebhook(database, id=f"w{round}")
        with ThreadPoolExecutor(4) as threads:
            futures = [threads.submit(happen, database, 5) for _ in range(3)]
            futures.append(threads.submit(webhook.repository.delete, webhook.id))
            for future in futures:
                future.result()

    assert claim(delivery_queue(database)) == []


def test_all_that_waits_is_sent_when_a_receiver_returns(database: Database):
    StoredWebhook(database)
    queue = delivery_queue(database, wait_seconds=50.0)
    happen(database, 3)
    claimed = claim(queue)
    for item in claimed:
        queue.finish(item, REFUSED)
    for _ in range(2):  # five failures in a row
        let_pass(database, MINUTE)
        (item,) = claim(queue)
        queue.finish(item, REFUSED)
    let_pass(database, MINUTE)
    (item,) = claim(queue)
    before = claim(queue)
    queue.finish(item, ACCEPTED)

    assert len(claimed) == 3
    assert before == []
    assert len(claim(queue)) == 2


def test_an_event_can_be_sent_again_after_it_was_delivered_or_given_up(database: Database):
    webhook, queue = StoredWebhook(database), delivery_queue(database)
    happen(database)
    (claimed,) = claim(queue)
    queue.finish(claimed, ACCEPTED)
    let_pass(database, 4 * DAY)
    webhook.repository.redeliver("w", claimed.id)
    (again,) = claim(queue)
    result = queue.finish(again, REFUSED)

    assert (again.id, again.payload) == (claimed.id, claimed.payload)
    assert result.verdict is Verdict.RETRIED, "it has as much time as a new event"


def test_an_event_is_not_sent_again_to_a_disabled_webhook(database: Database):
    webhook = StoredWebhook(database)
    happen(database)
    (event,) = webhook.repository.list_deliveries("w").items
    webhook.repository.update("w", enabled=False)

    with pytest.raises(FailedPreconditionError, match="--enable"):
        webhook.repository.redeliver("w", event.id)
    with pytest.raises(NotFoundError):
        webhook.repository.redeliver("w", "evt-none")


def test_events_are_signed_with_both_secrets_until_the_overlap_ends(database: Database):
    webhook, queue = StoredWebhook(database), delivery_queue(database)
    rotated = webhook.repository.rotate_secret("w", overlap=timedelta(hours=1))
    happen(database)
    (first,) = claim(queue)
    queue.release(first)
    let_pass(database, timedelta(hours=2))
    (second,) = claim(queue)
    at_once = webhook.repository.rotate_secret("w", overlap=timedelta())
    queue.release(second)
    (third,) = claim(queue)

    assert first.secrets == (rotated.secret, webhook.secret)
    assert second.secrets == (rotated.secret,)
    assert third.secrets == (at_once.secret,)
    assert len({webhook.secret, rotated.secret, at_once.secret}) == 3


def test_deliveries_are_kept_for_a_time_and_up_to_a_number(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(queues, "MAX_ENDED", 2)
    webhook, queue = StoredWebhook(database), delivery_queue(database)
    happen(database)
    webhook.repository.update("w", enabled=False)
    let_pass(database, timedelta(days=15))  # it waits, but nobody enables the webhook
    webhook.repository.update("w", enabled=True)
    assert queue.purge() == 1
    happen(database, 4)
    for item in claim(queue):
        queue.finish(item, ACCEPTED)
    happen(database)
    kept = [item.id for item in webhook.repository.list_deliveries("w").items]

    assert queue.purge() == 2
    assert [item.id for item in webhook.repository.list_deliveries("w").items] == kept[:3]
    assert queue.purge() == 0
    assert len(claim(queue)) == 1


def test_one_tenant_gets_only_its_share_of_the_attempts(database: Database):
    for tenant in ("busy", "quiet"):
        for number in range(3):
            StoredWebhook(database, tenant=tenant, id=f"w{number}")
    happen(database, 20, tenant="busy")
    queue = delivery_queue(database)
    first = claim(queue, 50)
    happen(database, 1, tenant="quiet")
    second = claim(queue, 50)

    assert len(first) == 8
    assert [item.tenant for item in second] == ["quiet"] * 3


def test_a_webhook_that_fails_gets_one_attempt_at_a_time(database: Database):
    StoredWebhook(database)
    queue = delivery_queue(database)
    happen(database, 10)
    for item in claim(queue):
        queue.finish(item, REFUSED)

    assert len(claim(queue)) == 1


def test_a_webhook_that_was_never_accepted_gets_one_attempt_at_a_time(database: Database):
    webhook, queue = StoredWebhook(database, is_proven=False), delivery_queue(database)
    happen(database, 10)
    (first,) = claim(queue)
    before = claim(queue)
    queue.finish(first, ACCEPTED)
    after = claim(queue)
    for item in after:
        queue.finish(item, ACCEPTED)
    proven = webhook.repository.get("w").last_success_time
    webhook.repository.update("w", url="https://new.example.com/")

    assert before == []
    assert len(after) == 4
    assert proven is not None
    assert webhook.repository.get("w").last_success_time is None
    assert len(claim(queue)) == 1


def test_without_webhooks_an_event_stores_nothing(database: Database):
    StoredWebhook(database, tenant="other")
    happen(database)

    assert claim(delivery_queue(database)) == []
