"""Runs of a worker that is disturbed: outages, crashes, lost leases and stops."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from sqlalchemy import select, update

from factories.logs import captured_logs
from factories.stored import beat
from factories.workers import StopAt, StopWhenIdle, away, content, expire, full, key_of, once, state, work
from foreword.domain.experiment import TuneExperiment
from foreword.domain.job import JobState
from foreword.scheduling.worker import Worker
from foreword.storage.artifacts.checkpoints import CheckpointStore
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.repositories.tuned_models import TunedModelRepository
from foreword.storage.tables import JobRow
from foreword.storage.workers.queue import JobQueue
from foreword.tuning.runs import checkpoint

MINUTE = timedelta(minutes=1)
KEY = b"key"


def test_a_lost_lease_ends_the_run_here_and_the_worker_takes_the_next(shop):
    lost, other = shop.queue_run(), shop.queue_run()
    leases = []

    def steal() -> None:
        expire(shop, lost)
        leases.append(shop.workshop.queue.lease("thief", MINUTE))

    work(shop, once("queue.heartbeat.after_commit", steal, at=3))

    (lease,) = leases
    assert (lease.experiment.id, lease.epoch, lease.lost_before) == (lost.id, 2, 1)
    assert not beat(shop.workshop.queue, lease, duration=MINUTE)
    assert state(shop, lost) is JobState.RUNNING
    assert state(shop, other) is JobState.SUCCEEDED


@pytest.mark.parametrize("moment", ["queue.heartbeat.before_commit", "queue.succeed.before_commit"])
def test_a_run_whose_database_was_away_for_a_moment_goes_on(shop, moment):
    run = shop.queue_run()
    outages = []

    def failpoint(name: str) -> None:
        is_run = threading.current_thread().name != "heartbeat"
        if name == moment and is_run and not outages and shop.repository.get(run.id, after_sequence=0).snapshots:
            outages.append(name)
            away()

    work(shop, failpoint)
    left = state(shop, run)
    expire(shop, run)
    work(shop)

    assert left is JobState.RUNNING
    assert state(shop, run) is JobState.SUCCEEDED


@pytest.mark.parametrize("moment", ["queue.fail.before_commit", "queue.cancelled.before_commit"])
def test_an_end_that_could_not_be_stored_does_not_end_the_worker(shop, moment):
    run = shop.queue_run(learning_rate=10.0 if "cancelled" in moment else float("1e30"))

    def failpoint(name: str) -> None:
        if name == "queue.lease.after_commit" and "cancelled" in moment and not state(shop, run).ended:
            shop.repository.request_cancel(run.id)
        if name == moment:
            away()

    work(shop, failpoint)
    expire(shop, run)
    work(shop)

    assert state(shop, run) is (JobState.CANCELLED if "cancelled" in moment else JobState.FAILED)


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_run(shop):
    undisturbed = shop.queue_run()
    work(shop)
    run = shop.queue_run()
    settings = shop.workshop.settings.model_copy(update={"checkpoint_seconds": 1e-6})
    store = CheckpointStore(settings.resolved_artifacts_url, key=KEY, failpoint=full)

    Worker(dataclasses.replace(shop.workshop, settings=settings, checkpoints=store)).run(StopWhenIdle())

    assert state(shop, run) is JobState.SUCCEEDED
    assert content(shop, run) == content(shop, undisturbed)


def test_a_run_that_crashes_fails_with_an_id_under_which_the_log_has_the_cause(shop):
    class Broken(CheckpointStore):
        def latest_checkpoint(self, key: str) -> bytes | None:
            raise RuntimeError("inner workings")

    run = shop.queue_run()
    store = Broken(shop.workshop.settings.resolved_artifacts_url, key=KEY)

    with captured_logs() as logs:
        Worker(dataclasses.replace(shop.workshop, checkpoints=store)).run(StopWhenIdle())

    failure = shop.repository.get(run.id).failure
    (entry,) = [entry for entry in logs if entry["event"] == "experiment_crashed"]
    assert (failure.kind, failure.reason) == ("internal", "INTERNAL")
    assert failure.message == f"The run crashed with RuntimeError. See the server log for error_id={entry['error_id']}."
    assert (entry["experiment"], entry["tenant"], entry["exc_info"]) == (run.id, "acme", True)


def test_a_run_whose_artifact_store_was_away_is_put_off_and_ends_from_its_checkpoint(shop):
    undisturbed = shop.queue_run()
    work(shop)
    run, queue = shop.queue_run(), shop.workshop.queue
    store = ArtifactStore(shop.workshop.settings.resolved_artifacts_url, failpoint=full)

    Worker(dataclasses.replace(shop.workshop, artifacts=store)).run(StopWhenIdle())
    left = state(shop, run)
    kept = shop.workshop.checkpoints.latest_checkpoint(key_of(run))
    at_once = queue.lease("impatient", MINUTE)
    expire(shop, run)
    later = queue.lease("w", MINUTE)
    queue.release(later)
    work(shop)

    assert left is JobState.RUNNING
    assert kept is not None
    assert at_once is None
    assert later.lost_before == 0
    assert content(shop, run) == content(shop, undisturbed)
    assert shop.workshop.checkpoints.latest_checkpoint(key_of(run)) is None


def test_a_refused_end_leaves_no_adapter(shop):
    run = shop.queue_run()

    def steal(moment: str) -> None:
        if moment == "artifacts.after_rename":
            expire(shop, run)
            assert shop.workshop.queue.lease("thief", MINUTE)

    url = shop.workshop.settings.resolved_artifacts_url
    Worker(dataclasses.replace(shop.workshop, artifacts=ArtifactStore(url, failpoint=steal))).run(StopWhenIdle())

    assert state(shop, run) is JobState.RUNNING
    assert not [path for path in Path(url).glob("tenants/*/tunedModels/**/*") if path.is_file()]


def test_checkpoints_left_by_an_earlier_run_of_the_same_id_are_not_taken_up(shop):
    checkpoints = shop.workshop.checkpoints
    earlier = shop.queue_run(id="nightly")
    for step in (400, 500):
        checkpoints.write_checkpoint(key_of(earlier), 2, step, b"left behind")
    shop.repository.request_cancel(earlier.id)
    shop.repository.delete(earlier.id)
    run = shop.queue_run(id="nightly")

    checkpoints.write_checkpoint(key_of(run), 1, 10, b"its own")

    assert checkpoints.latest_checkpoint(key_of(run)) == b"its own"


def test_an_experiment_that_is_deleted_while_it_ends_is_done_with(shop):
    deleted, other = shop.queue_run(), shop.queue_run()

    work(shop, once("queue.succeed.after_commit", lambda: shop.repository.delete(deleted.id)))

    assert [item.id for item in shop.repository.list().items] == [other.id]
    assert state(shop, other) is JobState.SUCCEEDED
    assert len(TunedModelRepository(shop.workshop.database, "acme").list().items) == 2


def test_a_stop_when_tuning_has_ended_loses_no_update(shop):
    undisturbed = shop.queue_run()
    work(shop)
    run, stop = shop.queue_run(), StopWhenIdle()
    store = CheckpointStore(
        shop.workshop.settings.resolved_artifacts_url,
        key=KEY,
        failpoint=lambda name: stop.set() if name == "checkpoints.before_prune" else None,
    )

    Worker(dataclasses.replace(shop.workshop, checkpoints=store)).run(stop)
    curve = shop.repository.get(run.id, after_sequence=0)
    work(shop)
    done = shop.repository.get(run.id, after_sequence=0)

    assert (curve.state, done.state) == (JobState.RUNNING, JobState.SUCCEEDED)
    assert done.snapshots == curve.snapshots
    assert content(shop, run) == content(shop, undisturbed)


def test_a_stop_at_any_moment_changes_nothing_in_the_result(shop):
    undisturbed = shop.queue_run()
    work(shop)
    expected = content(shop, undisturbed)
    states = set()
    for asked in (3, 20, 40, 60, 80):
        run, stop = shop.queue_run(), StopAt(asked)
        Worker(shop.workshop).run(stop)
        assert stop.left < 0
        states.add(state(shop, run))
        work(shop)
        found = shop.repository.get(run.id, after_sequence=0)
        assert content(shop, run) == expected
        assert [point.step for point in found.snapshots] == [1, 2, 3, 4, 5, 6]
    assert JobState.RUNNING in states


def test_giving_a_run_back_is_no_sign_of_a_crash_and_dying_with_it_is(shop):
    given_back, deadly = shop.queue_run(), shop.queue_run()
    queue = shop.workshop.queue
    for _ in range(25):
        queue.release(queue.lease("w", MINUTE))
    kept = queue.lease("w", MINUTE)
    for _ in range(20):
        assert queue.lease("w", MINUTE).experiment.id == deadly.id
        expire(shop, deadly)
    queue.release(kept)

    work(shop)

    assert state(shop, given_back) is JobState.SUCCEEDED
    failure = shop.repository.get(deadly.id).failure
    assert failure.reason == "WORKER_KEEPS_DYING"
    assert "20 times" in failure.message


def die_once_more(shop, run: TuneExperiment, *, checkpoint_seconds: float, after: Callable[[JobRow], bool]) -> None:
    """Nineteen leases were lost, and the worker of the next one dies after an update, once its job is as given."""

    def die(name: str) -> None:
        if name == "queue.heartbeat.after_commit" and threading.current_thread().name != "heartbeat":
            with shop.workshop.database.read() as session:
                job = session.scalars(select(JobRow)).one()
            if shop.repository.get(run.id, after_sequence=0).snapshots and after(job):
                raise KeyboardInterrupt

    with shop.workshop.database.write() as session:
        session.execute(update(JobRow).values(lost_leases=19))
    settings = shop.workshop.settings.model_copy(update={"checkpoint_seconds": checkpoint_seconds})
    disturbed = shop.with_queue(lambda database: JobQueue(database, failpoint=die))
    with pytest.raises(KeyboardInterrupt):
        Worker(dataclasses.replace(disturbed.workshop, settings=settings)).run(StopWhenIdle())
    expire(shop, run)


def test_lost_leases_are_forgotten_once_a_run_gets_further(shop):
    run = shop.queue_run()

    die_once_more(shop, run, checkpoint_seconds=1e-6, after=lambda job: job.lost_leases == 0)
    work(shop)

    assert state(shop, run) is JobState.SUCCEEDED


def test_lost_leases_count_as_long_as_every_worker_dies_before_its_first_checkpoint(shop):
    run = shop.queue_run()

    die_once_more(shop, run, checkpoint_seconds=3600.0, after=lambda job: job.lost_leases == 19)
    work(shop)

    assert shop.repository.get(run.id).failure.reason == "WORKER_KEEPS_DYING"


@pytest.mark.parametrize(
    "payload",
    [b"nonsense", checkpoint.pack({}, {"version": 99}), checkpoint.pack({"x": torch.zeros(1)}, {})],
    ids=["corrupt", "version", "empty"],
)
def test_a_checkpoint_that_is_of_no_use_costs_time_and_not_the_run(shop, payload):
    undisturbed = shop.queue_run()
    work(shop)  # alone, as the numbers of a run in company differ by rounding
    run = shop.queue_run()
    shop.workshop.checkpoints.write_checkpoint(key_of(run), 1, 5, payload)

    work(shop)

    assert content(shop, run) == content(shop, undisturbed)
