"""Heartbeats: they store new results, renew the lease and report cancellation."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import update

from factories.stored import MOMENT, make_snapshot
from factories.waiting import wait_until
from foreword.domain.experiment import Phase, Progress
from foreword.errors import LeaseLostError
from foreword.scheduling.heartbeat import Heartbeat, RunCancelledError, WorkerStoppingError
from foreword.storage.queue import Lease
from foreword.storage.tables import ExperimentRow

MINUTE = timedelta(minutes=1)


class Clock:
    """A clock that the test advances."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def heartbeat(shop, *, duration: timedelta = MINUTE, clock=None, spent_seconds: float = 0.0) -> Heartbeat:
    lease = shop.workshop.queue.lease("w", MINUTE)
    stop = threading.Event()
    made = Heartbeat(
        shop.workshop.queue, lease, duration=duration, stop=stop, spent_seconds=spent_seconds, clock=clock or Clock()
    )
    made.stop = stop
    return made


def steal(shop) -> None:
    def expire_and_lease() -> Lease | None:
        with shop.workshop.database.write() as session:
            session.execute(update(ExperimentRow).values(lease_expire_time=MOMENT))
        return shop.workshop.queue.lease("thief", MINUTE)  # None if the owner renewed its lease in between

    wait_until(expire_and_lease)


def test_progress_is_stored_now_and_then_and_a_point_of_the_curve_at_once(shop):
    run, clock = shop.queue_run(), Clock()
    beats = heartbeat(shop, clock=clock)
    seen = []
    for step, seconds, snapshots in ((1, 0.0, ()), (2, 0.1, ()), (3, 0.1, (make_snapshot(3),)), (4, 0.3, ())):
        clock.now += seconds
        beats.beat(Progress(step=step), snapshots)
        seen.append(shop.repository.get(run.id).progress.step)
    assert seen == [1, 1, 3, 4]


def test_a_new_phase_is_stored_at_once(shop):
    run = shop.queue_run()
    beats = heartbeat(shop)
    seen = []
    for phase in (Phase.TUNING, Phase.EVALUATING, Phase.STORING):
        beats.beat(Progress(phase=phase))
        seen.append(shop.repository.get(run.id).progress.phase)
    assert seen == [Phase.TUNING, Phase.EVALUATING, Phase.STORING]


def test_time_that_earlier_workers_spent_counts(shop):
    run, clock = shop.queue_run(), Clock()
    beats = heartbeat(shop, clock=clock, spent_seconds=30.0)
    clock.now += 12.0
    beats.beat()
    assert beats.compute_seconds == pytest.approx(42.0)
    assert shop.repository.get(run.id).compute_seconds == pytest.approx(42.0)


def test_check_raises_the_reason_why_a_run_must_stop(shop):
    run, clock = shop.queue_run(), Clock()
    beats = heartbeat(shop, clock=clock)
    beats.beat()
    beats.stop.set()
    with pytest.raises(WorkerStoppingError):
        beats.beat()
    shop.repository.request_cancel(run.id)
    clock.now += 1.0
    with pytest.raises(RunCancelledError):
        beats.beat()
    steal(shop)
    clock.now += 1.0
    with pytest.raises(LeaseLostError):
        beats.beat()


def test_a_busy_run_keeps_its_lease_and_hears_that_it_lost_it(shop):
    shop.queue_run()
    with heartbeat(shop, duration=timedelta(seconds=0.06), clock=time.monotonic) as beats:
        steal(shop)
        with pytest.raises(LeaseLostError):
            wait_until(beats.check)
