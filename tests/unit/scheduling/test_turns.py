"""Long runs that take turns at a single place of a worker. The result is the same as without turns."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update

from factories.logs import captured_logs
from factories.stored import let_wait
from factories.workers import StopWhenIdle
from foreword.domain.experiment import Phase, TuneExperiment
from foreword.domain.job import JobState
from foreword.errors import UnavailableError
from foreword.scheduling.turn import Turn
from foreword.scheduling.worker import Worker
from foreword.storage.artifacts.checkpoints import CheckpointStore
from foreword.storage.artifacts.keys import checkpoints_key
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.tuned_models import TunedModelRepository
from foreword.storage.tables import TenantRow
from foreword.storage.workers.queue import JobQueue

MINUTE = timedelta(minutes=1)
ONE_PLACE = {"turn_seconds": 1e-9, "max_runs_per_worker": 1}


class Clock:
    """A clock that the test advances."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def queue_rival(shop, run: TuneExperiment) -> tuple[Callable[[str], None], list[TuneExperiment]]:
    """Return a failpoint that queues a run of another tenant after the first update, and a list that gets it."""
    rivals: list[TuneExperiment] = []

    def failpoint(name: str) -> None:
        of_the_run = name == "queue.heartbeat.after_commit" and threading.current_thread() is threading.main_thread()
        if not of_the_run or rivals or not get(shop, run).snapshots:
            return
        rival = shop.queue_run(tenant="rival")
        let_wait(shop.workshop.database, rival)
        rivals.append(rival)
        # So much that the rival does not yield in its turn, however slow the machine is.
        used = {"recent_compute_seconds": 1e6, "recent_compute_time": shop.workshop.database.now()}
        with shop.workshop.database.write() as session:
            session.execute(update(TenantRow).where(TenantRow.id == "acme").values(used))

    return failpoint, rivals


def work(shop, failpoint: Callable[[str], None] = lambda _: None, **changes: object) -> list[tuple[str, str]]:
    """Run a worker with one place and very short turns until the queue is empty.

    Returns:
        Its log as event and experiment.
    """
    settings = shop.workshop.settings.model_copy(update=ONE_PLACE)
    queue = JobQueue(shop.workshop.database, failpoint=failpoint)
    workshop = dataclasses.replace(shop.workshop, settings=settings, queue=queue, **changes)
    with captured_logs() as logs:
        Worker(workshop).run(StopWhenIdle())
    return [(entry["event"], entry["experiment"]) for entry in logs if "experiment" in entry]


def get(shop, run: TuneExperiment) -> TuneExperiment:
    return ExperimentRepository(shop.workshop.database, run.tenant).get(run.id, after_sequence=0)


def content(shop, run: TuneExperiment) -> str:
    model = get(shop, run).tuned_model
    return TunedModelRepository(shop.workshop.database, run.tenant).get(model).content_sha256


def test_a_long_run_yields_to_another_tenant_and_ends_with_the_same_tensors(shop):
    undisturbed = shop.queue_run(num_epochs=4)
    work(shop)
    run = shop.queue_run(num_epochs=4)
    failpoint, rivals = queue_rival(shop, run)

    log = work(shop, failpoint)

    (rival,) = rivals
    assert log == [
        ("experiment_leased", run.id),
        ("experiment_yielded", run.id),
        ("experiment_leased", rival.id),
        ("experiment_succeeded", rival.id),
        ("experiment_leased", run.id),
        ("experiment_succeeded", run.id),
    ]
    assert content(shop, run) == content(shop, undisturbed)
    found = get(shop, run)
    assert found.wait_seconds > 0
    assert [point.step for point in found.snapshots] == [point.step for point in get(shop, undisturbed).snapshots]
    checkpoints = shop.workshop.checkpoints
    assert checkpoints.latest_checkpoint(checkpoints_key(run.tenant, run.id, run.create_time)) is None


def test_a_run_yields_between_two_updates_without_losing_one(shop):
    run = shop.queue_run(num_epochs=4)
    failpoint, _ = queue_rival(shop, run)
    seen: list[TuneExperiment] = []

    def watch(name: str) -> None:
        failpoint(name)
        if name == "queue.hand_over.after_commit":
            seen.append(get(shop, run))

    work(shop, watch)

    (waiting,) = seen
    assert (waiting.state, waiting.progress.phase) == (JobState.RUNNING, Phase.WAITING)
    assert waiting.progress.step == waiting.snapshots[-1].step
    sequences = [point.sequence for point in get(shop, run).snapshots]
    assert sequences == list(range(1, len(sequences) + 1))  # no update was made twice


def test_a_run_without_rivals_never_yields(shop):
    run, other = shop.queue_run(), shop.queue_run()

    log = work(shop)

    assert "experiment_yielded" not in dict(log)
    assert [get(shop, item).wait_seconds for item in (run, other)] == [0.0, 0.0]


def test_a_run_whose_checkpoint_cannot_be_written_keeps_its_worker(shop):
    class Full(CheckpointStore):
        def write_checkpoint(self, key: str, epoch: int, step: int, payload: bytes) -> None:
            raise UnavailableError("The store is full.")

    run = shop.queue_run(num_epochs=4)
    failpoint, rivals = queue_rival(shop, run)

    log = work(shop, failpoint, checkpoints=Full(shop.workshop.settings.resolved_artifacts_url, key=b"key"))

    assert ("experiment_yielded", run.id) not in log
    assert [get(shop, item).state for item in (run, *rivals)] == [JobState.SUCCEEDED] * 2


def test_a_run_that_is_cancelled_while_it_waits_ends_and_the_other_goes_on(shop):
    run = shop.queue_run(num_epochs=4)
    failpoint, rivals = queue_rival(shop, run)

    def cancel(name: str) -> None:
        failpoint(name)
        if name == "queue.hand_over.after_commit":
            shop.repository.request_cancel(run.id)

    log = work(shop, cancel)

    assert [event for event, id in log if id == run.id] == ["experiment_leased", "experiment_yielded"]
    assert get(shop, run).state is JobState.CANCELLED
    assert get(shop, rivals[0]).state is JobState.SUCCEEDED


def test_a_worker_that_stops_right_after_a_hand_over_releases_the_new_run(shop):
    run = shop.queue_run(num_epochs=4)
    failpoint, rivals = queue_rival(shop, run)
    stop = StopWhenIdle()

    def stopping(name: str) -> None:
        failpoint(name)
        if name == "queue.hand_over.after_commit":
            stop.set()

    settings = shop.workshop.settings.model_copy(update=ONE_PLACE)
    queue = JobQueue(shop.workshop.database, failpoint=stopping)
    Worker(dataclasses.replace(shop.workshop, settings=settings, queue=queue)).run(stop)
    lease = shop.workshop.queue.lease("w", MINUTE)

    assert (lease.experiment.id, lease.lost_before) == (rivals[0].id, 0)
    assert get(shop, run).state is JobState.RUNNING


def test_a_turn_is_over_after_its_minimum_from_the_begin_of_tuning():
    clock = Clock()
    turn = Turn(60.0, clock)
    clock.now += 1000.0
    before = turn.is_over
    turn = Turn(60.0, clock)
    turn.begin_tuning()
    over = []
    for seconds in (59.9, 0.2):
        clock.now += seconds
        turn.begin_tuning()
        over.append(turn.is_over)
    assert not before
    assert over == [False, True]


@pytest.mark.parametrize(("loading", "checkpoint"), [(5.0, 0.0), (2.0, 3.0)])
def test_a_turn_is_longer_if_it_costs_more_to_begin_and_end(loading, checkpoint):
    clock = Clock()
    turn = Turn(60.0, clock)
    clock.now += loading
    turn.begin_tuning()
    turn.add_checkpoint(checkpoint)
    clock.now += 99.0
    early = turn.is_over
    clock.now += 1.0

    assert not early
    assert turn.is_over
