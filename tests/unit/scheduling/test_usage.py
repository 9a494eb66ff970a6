"""What jobs cost their tenants, as a worker charges it."""

from __future__ import annotations

import pytest

from factories.workers import StopWhenIdle, once, work
from foreword.domain.job import JobState
from foreword.domain.usage import UsageKind
from foreword.scheduling.worker import Worker
from foreword.storage.usage.repository import UsageRepository
from foreword.storage.workers.queue import JobQueue


def used(shop, tenant: str = "acme") -> dict[UsageKind, float]:
    found = UsageRepository(shop.workshop.database, tenant).list().items
    assert {item.model for item in found} <= {"baseModels/tiny--bart"}
    return {item.kind: item.amount for item in found}


def test_a_run_costs_the_tokens_that_it_reads_also_if_a_second_worker_goes_on_with_it(shop):
    run = shop.queue_run()
    work(shop)
    alone = used(shop)
    other = shop.queue_run(tenant="globex")
    stop = StopWhenIdle()
    stopping = once("queue.heartbeat.after_commit", stop.set, at=4)
    Worker(shop.with_queue(lambda database: JobQueue(database, failpoint=stopping)).workshop).run(stop)
    stopped = used(shop, "globex")
    work(shop)

    assert shop.repository.get(run.id).compute_seconds / 3600 == pytest.approx(alone[UsageKind.CAPACITY_UNIT_HOURS])
    assert alone[UsageKind.TUNING_TOKENS] > 0
    assert 0 < stopped.get(UsageKind.TUNING_TOKENS, 0) < alone[UsageKind.TUNING_TOKENS]
    assert used(shop, "globex")[UsageKind.TUNING_TOKENS] == alone[UsageKind.TUNING_TOKENS]
    assert other.tenant == "globex"


def test_a_cancelled_run_costs_what_it_has_read(shop):
    run = shop.queue_run()
    work(shop, once("queue.heartbeat.after_commit", lambda: shop.repository.request_cancel(run.id), at=4))

    assert shop.repository.get(run.id).state is JobState.CANCELLED
    found = used(shop)
    assert found[UsageKind.TUNING_TOKENS] > 0
    assert found[UsageKind.CAPACITY_UNIT_HOURS] == pytest.approx(shop.repository.get(run.id).compute_seconds / 3600)


def test_an_evaluation_costs_the_tokens_of_its_tenant(shop):
    shop.queue_evaluation(tenant="globex")
    Worker(shop.workshop).run(StopWhenIdle())

    assert used(shop, "globex")[UsageKind.EVALUATION_TOKENS] > 0
    assert used(shop, "globex")[UsageKind.CAPACITY_UNIT_HOURS] > 0
