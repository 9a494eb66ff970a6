"""Heartbeats: they store new results, renew the leases of all runs and report cancellation."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from datetime import timedelta

import pytest
from sqlalchemy import update

from factories.stored import MOMENT, beat, make_snapshot
from factories.waiting import wait_until
from foreword.domain.experiment import Phase, Progress
from foreword.errors import LeaseLostError, UnavailableError
from foreword.scheduling.heartbeat import Heartbeat, Heartbeats, RunCancelledError, WorkerStoppingError
from foreword.storage.jobs.leases import Lease
from foreword.storage.tables import JobRow
from foreword.storage.workers.queue import JobQueue

MINUTE = timedelta(minutes=1)


class Clock:
    """A clock that the test advances."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Held:
    """The leases of all queued runs at one worker, whose heartbeats come only from the test."""

    def __init__(self, shop, *, clock=None, queue: JobQueue | None = None) -> None:
        self.stop = threading.Event()
        self.clock = clock or Clock()
        self.heartbeats = Heartbeats(queue or shop.workshop.queue, duration=MINUTE, stop=self.stop, clock=self.clock)
        self.held = ExitStack()
        self.runs: list[Heartbeat] = []
        self.leases: list[Lease] = []
        while lease := shop.workshop.queue.lease("w", MINUTE):
            self.leases.append(lease)
            self.runs.append(self.held.enter_context(self.heartbeats.of(lease)))


def expire(shop, run_id: str) -> None:
    with shop.workshop.database.write() as session:
        session.execute(update(JobRow).where(JobRow.resource == run_id).values(lease_expire_time=MOMENT))


def steal(shop, run_id: str) -> None:
    def expire_and_lease() -> Lease | None:
        expire(shop, run_id)
        return shop.workshop.queue.lease("thief", MINUTE)  # None if the owner renewed its lease in between

    wait_until(expire_and_lease)


def test_progress_is_stored_now_and_then_and_a_point_of_the_curve_at_once(shop):
    run = shop.queue_run()
    held = Held(shop)
    (beats,) = held.runs
    seen = []
    for step, seconds, snapshots in ((1, 0.0, ()), (2, 0.1, ()), (3, 0.1, (make_snapshot(3),)), (4, 0.3, ())):
        held.clock.now += seconds
        beats.beat(Progress(step=step), snapshots)
        seen.append(shop.repository.get(run.id).progress.step)
    assert seen == [1, 1, 3, 4]


def test_a_new_phase_is_stored_at_once(shop):
    run = shop.queue_run()
    held = Held(shop)
    (beats,) = held.runs
    seen = []
    for phase in (Phase.TUNING, Phase.EVALUATING, Phase.STORING):
        beats.beat(Progress(phase=phase))
        seen.append(shop.repository.get(run.id).progress.phase)
    assert seen == [Phase.TUNING, Phase.EVALUATING, Phase.STORING]


def test_one_transaction_stores_the_results_of_all_runs_and_renews_their_leases(shop):
    runs, passed = [shop.queue_run() for _ in range(3)], []
    held = Held(shop, queue=JobQueue(shop.workshop.database, failpoint=passed.append))
    for run in runs:
        expire(shop, run.id)

    for step, beats in enumerate(held.runs, start=1):
        beats.note(Progress(step=step), [make_snapshot(step)])
    held.heartbeats.beat()

    assert passed == ["queue.heartbeat.before_commit", "queue.heartbeat.after_commit"]
    found = [shop.repository.get(run.id, after_sequence=0) for run in runs]
    assert [item.progress.step for item in found] == [1, 2, 3]
    assert [[point.step for point in item.snapshots] for item in found] == [[1], [2], [3]]
    assert shop.workshop.queue.lease("thief", MINUTE) is None


def test_results_that_could_not_be_stored_are_stored_by_the_next_heartbeat(shop):
    run, outages = shop.queue_run(), [UnavailableError("The database cannot be reached.")]

    def fail_once(_: str) -> None:
        if outages:
            raise outages.pop()

    held = Held(shop, queue=JobQueue(shop.workshop.database, failpoint=fail_once))
    (beats,) = held.runs
    with pytest.raises(UnavailableError):
        beats.beat(Progress(step=1), [make_snapshot(1)])

    held.heartbeats.beat()

    assert [point.step for point in shop.repository.get(run.id, after_sequence=0).snapshots] == [1]


def test_a_run_pays_what_is_charged_beside_what_earlier_workers_have_charged(shop):
    shop.queue_run()
    lease = shop.workshop.queue.lease("earlier", MINUTE)
    beat(shop.workshop.queue, lease, compute_seconds=30.0, duration=MINUTE)
    expire(shop, lease.experiment.id)
    shop.queue_run()
    held = Held(shop)
    first, second = held.runs

    held.clock.now += 100.0
    first.charge(0.5)
    second.charge(0.25)
    held.heartbeats.renew()

    found = [shop.repository.get(item.experiment.id).compute_seconds for item in held.leases]
    assert found == [pytest.approx(30.5), pytest.approx(0.25)]


def test_check_raises_the_reason_why_a_run_must_stop(shop):
    run = shop.queue_run()
    held = Held(shop)
    (beats,) = held.runs
    beats.beat()
    held.stop.set()
    with pytest.raises(WorkerStoppingError):
        beats.beat()
    shop.repository.request_cancel(run.id)
    held.clock.now += 1.0
    with pytest.raises(RunCancelledError):
        beats.beat()
    steal(shop, run.id)
    held.clock.now += 1.0
    with pytest.raises(LeaseLostError):
        beats.beat()


def test_a_run_that_is_cancelled_or_lost_does_not_stop_the_others(shop):
    cancelled, lost, sound = (shop.queue_run() for _ in range(3))
    held = Held(shop)
    shop.repository.request_cancel(cancelled.id)
    steal(shop, lost.id)

    held.runs[2].beat(Progress(step=7))

    with pytest.raises(RunCancelledError):
        held.runs[0].check()
    with pytest.raises(LeaseLostError):
        held.runs[1].check()
    assert shop.repository.get(sound.id).progress.step == 7


def test_a_busy_worker_keeps_its_leases_and_hears_that_it_lost_one(shop):
    lost, kept = shop.queue_run(), shop.queue_run()
    queue = shop.workshop.queue
    leases = [queue.lease("w", MINUTE) for _ in range(2)]
    heartbeats = Heartbeats(queue, duration=timedelta(seconds=0.06), stop=threading.Event(), clock=time.monotonic)
    with heartbeats, heartbeats.of(leases[0]) as first, heartbeats.of(leases[1]) as second:
        steal(shop, lost.id)
        with pytest.raises(LeaseLostError):
            wait_until(first.check)
        second.check()
    assert shop.repository.get(kept.id).state.value == "running"
