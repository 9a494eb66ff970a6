"""What a worker counts while it does jobs, and the ports of its metrics."""

from __future__ import annotations

import dataclasses
import threading

from prometheus_client import CollectorRegistry, generate_latest

from factories.scrapes import Scrape
from factories.workers import StopWhenIdle
from foreword.observability.metrics.worker import WorkerMetrics
from foreword.scheduling.gone_tenants import GoneTenants
from foreword.scheduling.process import worker_ports
from foreword.scheduling.worker import Worker
from foreword.storage.repositories.tenants import TenantRepository


class StopAt(threading.Event):
    """A stop event that is set at the n-th check."""

    def __init__(self, asked: int) -> None:
        super().__init__()
        self.left = asked

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0


def counted(shop, *stops: threading.Event) -> Scrape:
    """Run a worker once for each stop event, and return what they have counted together."""
    registry = CollectorRegistry()
    workshop = dataclasses.replace(shop.workshop, metrics=WorkerMetrics(registry))
    for stop in stops:
        Worker(workshop).run(stop)
    return Scrape(generate_latest(registry).decode())


def test_a_run_and_an_evaluation_are_counted_from_their_begin_to_their_end(shop):
    run = shop.queue_run()
    shop.queue_run(task="nothing-installed")
    shop.queue_evaluation(tenant="globex")
    found = counted(shop, StopWhenIdle())

    done = shop.repository.get(run.id)
    assert found.value("foreword_job_ends_total", kind="tune", outcome="succeeded") == 1
    assert found.value("foreword_job_ends_total", kind="tune", outcome="failed") == 1
    assert found.value("foreword_job_ends_total", kind="evaluate", outcome="succeeded") == 1
    assert found.value("foreword_queue_wait_seconds_count", kind="tune") == 2
    assert found.value("foreword_step_seconds_count", base_model="tiny--bart") == done.progress.step
    assert found.value("foreword_trained_examples_total", base_model="tiny--bart") > 0
    assert found.value("foreword_jobs_per_step_count", base_model="tiny--bart") >= done.progress.step
    assert found.value("foreword_loss", task="classification") > 0
    assert found.value("foreword_checkpoint_seconds_count") >= 1
    charged = found.value("foreword_capacity_unit_hours_total", tenant="acme", kind="tune")
    assert abs(charged - done.compute_seconds / 3600) < 1e-9
    assert found.value("foreword_capacity_unit_hours_total", tenant="globex", kind="evaluate") > 0
    assert found.value("foreword_running_jobs") == found.value("foreword_checkpoint_age_seconds") == 0


def test_a_run_that_is_given_back_is_counted_again_when_it_is_resumed(shop):
    shop.queue_run()
    found = counted(shop, StopAt(4), StopWhenIdle())

    assert found.value("foreword_job_ends_total", outcome="given_back") == 1
    assert found.value("foreword_resumes_total", kind="tune") == 1
    assert found.value("foreword_queue_wait_seconds_count", kind="tune") == 1


def test_the_age_of_a_checkpoint_is_that_of_the_run_that_is_furthest_behind():
    now = [0.0]
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry, clock=lambda: now[0])

    def age() -> float:
        return Scrape(generate_latest(registry).decode()).value("foreword_checkpoint_age_seconds")

    with metrics.running("tune", 1), metrics.running("tune", 2):
        metrics.tuning_begun(1)
        metrics.tuning_begun(2)
        now[0] = 20.0
        metrics.checkpoint_written(1, 0.5)
        now[0] = 25.0
        assert age() == 25.0
        metrics.checkpoint_written(2, 0.5)
        assert age() == 5.0
    assert age() == 0.0


def test_workers_of_one_machine_leave_the_port_of_the_bot_alone():
    assert list(worker_ports(9465))[:3] == [9465, 9467, 9468]
    assert worker_ports(0) == (0,)
    assert max(worker_ports(65_530)) == 65_535


def test_series_of_a_tenant_end_with_it(shop):
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    registry.register(GoneTenants(shop.workshop.database, metrics))
    TenantRepository(shop.workshop.database).ensure_tenant("kept")
    for tenant in ("gone", "kept"):
        metrics.charged(tenant, "tune", 60.0)

    generate_latest(registry)
    left = generate_latest(registry).decode()

    assert 'tenant="kept"' in left
    assert "gone" not in left
    assert metrics.tenants == {"kept"}
