"""The queue of experiments: leases, fairness, heartbeats and results."""

from __future__ import annotations

import dataclasses
import time
from datetime import timedelta

import pytest
from sqlalchemy import update

from factories.stored import (
    beat,
    company_of,
    let_leases_expire,
    let_wait,
    make_evaluation,
    make_snapshot,
    make_suspect_rows,
    make_tuned_model,
    store_experiment,
)
from foreword.domain.experiment import Phase, Progress
from foreword.domain.failure import Failure
from foreword.domain.job import JobState
from foreword.domain.resource_view import ResourceView
from foreword.errors import FailedPreconditionError, LeaseLostError, NotFoundError
from foreword.storage.jobs.leases import Lease
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.tuned_models import TunedModelRepository
from foreword.storage.tables import ExperimentRow
from foreword.storage.workers.queue import FAILPOINTS, JobQueue

MINUTE = timedelta(minutes=1)
NOW = timedelta()
FAILURE = Failure(kind="internal", reason="INTERNAL", message="It broke.")


def succeed(queue: JobQueue, lease: Lease, model: str = "model-1") -> None:
    queue.succeed(
        lease,
        tuned_model=make_tuned_model(lease.experiment, model),
        evaluations=[make_evaluation()],
        curve_advice="It levelled off.",
        compute_seconds=9.0,
    )


def test_rows_that_look_mislabelled_are_stored_within_bounds_and_left_out_of_basic_lists(database):
    queue, repository = JobQueue(database), ExperimentRepository(database, "acme")
    experiment = store_experiment(database)
    lease = queue.lease("w", MINUTE)
    suspects = make_suspect_rows(experiment.config.dataset, count=25, text="x" * 5000)

    queue.succeed(
        lease,
        tuned_model=make_tuned_model(experiment),
        evaluations=(),
        curve_advice="",
        suspect_rows=suspects,
        compute_seconds=1.0,
    )

    stored = repository.get(experiment.id).suspect_rows
    (basic,) = repository.list().items
    (full,) = repository.list(ListRequest(view=ResourceView.FULL)).items
    assert (len(stored.rows), stored.examined_row_count) == (20, 200)
    assert {len(item.input) for item in stored.rows} == {500}
    assert stored.rows[0].loss == suspects.rows[0].loss
    assert (basic.suspect_rows, full.suspect_rows) == (None, stored)


def test_an_empty_queue_has_nothing_to_lease(database):
    assert JobQueue(database).lease("w", MINUTE) is None


def test_the_oldest_experiment_is_leased_first_and_runs_then(database):
    first, second = store_experiment(database), store_experiment(database)
    queue = JobQueue(database)
    lease = queue.lease("w", MINUTE)
    assert (lease.experiment.id, lease.epoch, lease.worker) == (first.id, 1, "w")
    assert lease.experiment.state is JobState.RUNNING
    assert lease.experiment.start_time is not None
    assert queue.lease("w", MINUTE).experiment.id == second.id
    assert queue.lease("w", MINUTE) is None


def test_an_unreadable_experiment_fails_instead_of_blocking_the_queue(database):
    broken, sound = store_experiment(database), store_experiment(database)
    with database.write() as session:
        session.execute(update(ExperimentRow).where(ExperimentRow.id == broken.id).values(plan={"nonsense": 1}))
    queue = JobQueue(database)

    leases = [queue.lease("w", MINUTE), queue.lease("w", MINUTE)]

    assert [lease.experiment.id for lease in leases if lease] == [sound.id]
    assert queue.counts()[JobState.FAILED] == 1


def test_the_tenant_with_the_fewest_running_experiments_comes_first(database):
    for _ in range(3):
        store_experiment(database, "busy")
    store_experiment(database, "quiet")
    queue = JobQueue(database)
    assert [queue.lease("w", MINUTE).experiment.tenant for _ in range(4)] == ["busy", "quiet", "busy", "busy"]


def test_tenants_take_turns_at_a_single_worker(database):
    for tenant in ("busy", "busy", "busy", "busy", "quiet", "other", "quiet"):
        store_experiment(database, tenant)
    queue, order = JobQueue(database), []
    while lease := queue.lease("w", MINUTE):
        order.append(lease.experiment.tenant)
        queue.fail(lease, FAILURE, 1.0)
    assert order == ["busy", "quiet", "other", "busy", "quiet", "busy", "busy"]


def test_a_run_that_was_interrupted_goes_on_before_others_begin(database):
    interrupted = store_experiment(database, "busy")
    queue = JobQueue(database)
    queue.release(queue.lease("w", MINUTE))
    store_experiment(database, "busy")
    store_experiment(database, "quiet")
    assert queue.lease("w", MINUTE).experiment.id == interrupted.id


def test_a_run_whose_worker_fell_silent_goes_to_another_with_a_new_epoch(database):
    experiment = store_experiment(database)
    queue = JobQueue(database)
    first = queue.lease("w1", NOW)
    beat(queue, first, progress=Progress(step=3), snapshots=[make_snapshot(3)], duration=NOW)
    second = queue.lease("w2", MINUTE)
    assert (second.experiment.id, second.epoch) == (experiment.id, 2)
    assert second.experiment.progress.step == 3
    assert [item.step for item in second.experiment.snapshots] == [3]
    assert second.experiment.start_time == first.experiment.start_time
    assert queue.lease("w3", MINUTE) is None


def test_leases_that_ran_out_are_counted_and_those_given_back_are_not(database):
    store_experiment(database)
    queue = JobQueue(database)
    for _ in range(2):
        queue.release(queue.lease("w1", MINUTE))
    queue.lease("w1", NOW)
    lost = queue.lease("w2", MINUTE)
    queue.release(lost)
    last = queue.lease("w3", MINUTE)
    assert (lost.epoch, lost.lost_before) == (4, 1)
    assert (last.epoch, last.lost_before) == (5, 1)


def test_lost_leases_count_until_a_run_gets_further(database):
    store_experiment(database)
    queue = JobQueue(database)
    queue.lease("w1", NOW)
    second = queue.lease("w2", NOW)
    beat(queue, second, snapshots=[make_snapshot(1)], duration=NOW)
    third = queue.lease("w3", NOW)
    beat(queue, third, made_progress=True, duration=NOW)
    assert [lease.lost_before for lease in (second, third, queue.lease("w4", NOW))] == [1, 2, 1]


def test_a_heartbeat_keeps_a_lease_alive(database):
    store_experiment(database)
    queue = JobQueue(database)
    lease = queue.lease("w1", NOW)
    beat(queue, lease, duration=MINUTE)
    assert queue.lease("w2", MINUTE) is None


def test_a_lease_ends_by_the_databases_clock(database):
    store_experiment(database)
    queue = JobQueue(database)
    queue.lease("w1", timedelta(seconds=1))
    assert queue.lease("w2", MINUTE) is None
    time.sleep(1.05)
    assert queue.lease("w2", MINUTE).epoch == 2


def test_a_stale_lease_can_write_nothing(database):
    experiment = store_experiment(database)
    queue, repository = JobQueue(database), ExperimentRepository(database, "acme")
    stale = queue.lease("w1", NOW)
    owner = queue.lease("w2", MINUTE)
    beat(queue, owner, snapshots=[make_snapshot(1)], duration=MINUTE)
    before = repository.get(experiment.id, after_sequence=0)
    for attempt in (
        lambda: beat(queue, stale, progress=Progress(step=9), snapshots=[make_snapshot(9)], duration=MINUTE),
        lambda: queue.rewind(stale, 0, resumed_step=0),
        lambda: succeed(queue, stale),
        lambda: queue.fail(stale, FAILURE, 1.0),
        lambda: queue.cancelled(stale, 1.0),
        lambda: queue.release(stale),
    ):
        with pytest.raises(LeaseLostError):
            attempt()
    assert repository.get(experiment.id, after_sequence=0) == before
    assert TunedModelRepository(database, "acme").list().items == ()
    assert queue.lease("w3", MINUTE) is None


def test_a_lease_with_the_right_epoch_and_another_worker_is_refused(database):
    store_experiment(database)
    queue = JobQueue(database)
    lease = queue.lease("w1", MINUTE)
    with pytest.raises(LeaseLostError):
        beat(queue, dataclasses.replace(lease, worker="w2"), duration=MINUTE)


def test_snapshots_are_numbered_over_the_life_of_the_experiment(database):
    experiment = store_experiment(database)
    queue = JobQueue(database)
    first = queue.lease("w1", NOW)
    beat(queue, first, snapshots=[make_snapshot(step) for step in (1, 2, 3)], duration=NOW)
    second = queue.lease("w2", MINUTE)
    queue.rewind(second, 1, resumed_step=1)
    beat(queue, second, snapshots=[make_snapshot(2)], duration=MINUTE)
    curve = ExperimentRepository(database, "acme").get(experiment.id, after_sequence=0)
    assert [(item.sequence, item.step) for item in curve.snapshots] == [(1, 1), (4, 2)]
    assert curve.last_sequence == 4


def test_a_heartbeat_stores_progress_and_compute_time_that_never_counts_down(database):
    experiment = store_experiment(database)
    queue = JobQueue(database)
    lease = queue.lease("w", MINUTE)
    progress = Progress(percent=50.0, step=5, total_steps=10, loss=0.5, phase=Phase.TUNING)
    beat(queue, lease, progress=progress, compute_seconds=4.0, duration=MINUTE)
    beat(queue, lease, compute_seconds=3.0, duration=MINUTE)
    found = ExperimentRepository(database, "acme").get(experiment.id)
    assert found.progress == progress
    assert found.compute_seconds == 4.0


def test_success_stores_the_tuned_model_with_the_end_of_the_run(database):
    experiment = store_experiment(database)
    queue = JobQueue(database)
    lease = queue.lease("w", MINUTE)
    succeed(queue, lease)
    found = ExperimentRepository(database, "acme").get(experiment.id)
    model = TunedModelRepository(database, "acme").get("model-1")
    assert found.state is JobState.SUCCEEDED
    assert found.tuned_model == model.id
    assert found.evaluations == (make_evaluation(),)
    assert found.curve_advice == "It levelled off."
    assert found.progress.percent == 100.0
    assert found.end_time == model.create_time
    assert dataclasses.replace(model, create_time=make_tuned_model(experiment).create_time) == make_tuned_model(
        lease.experiment
    )


def test_success_is_all_or_nothing(database):
    experiment = store_experiment(database)

    def die(name: str) -> None:
        if name == "queue.succeed.before_commit":
            raise KeyboardInterrupt

    queue = JobQueue(database, failpoint=die)
    with pytest.raises(KeyboardInterrupt):
        succeed(queue, queue.lease("w", MINUTE))
    assert ExperimentRepository(database, "acme").get(experiment.id).state is JobState.RUNNING
    assert TunedModelRepository(database, "acme").list().items == ()


def test_a_run_that_has_ended_cannot_be_leased(database):
    store_experiment(database)
    queue = JobQueue(database)
    lease = queue.lease("w", MINUTE)
    queue.fail(lease, FAILURE, 1.0)
    with pytest.raises(LeaseLostError):
        beat(queue, lease, duration=MINUTE)
    with pytest.raises(LeaseLostError):
        succeed(queue, lease)
    assert queue.lease("w", MINUTE) is None


def test_a_run_given_back_is_leased_again_at_once(database):
    experiment = store_experiment(database)
    queue = JobQueue(database)
    lease = queue.lease("w1", MINUTE)
    queue.release(lease)
    assert ExperimentRepository(database, "acme").get(experiment.id).state is JobState.RUNNING
    with pytest.raises(LeaseLostError):
        beat(queue, lease, duration=MINUTE)
    assert queue.lease("w1", MINUTE).epoch == 2


def test_a_released_run_cannot_be_leased_until_its_pause_has_passed(database):
    store_experiment(database)
    queue = JobQueue(database)
    lease = queue.lease("w1", MINUTE)
    queue.release(lease, pause=timedelta(seconds=1))
    assert queue.lease("w2", MINUTE) is None
    with pytest.raises(LeaseLostError):
        beat(queue, lease, duration=MINUTE)
    time.sleep(1.05)
    again = queue.lease("w2", MINUTE)
    assert (again.epoch, again.lost_before) == (2, 0)


def test_a_run_put_off_takes_no_worker_from_its_tenant(database):
    for tenant in ("unlucky", "busy", "busy", "unlucky"):
        store_experiment(database, tenant)
    queue = JobQueue(database)
    queue.release(queue.lease("w", MINUTE), pause=MINUTE)
    queue.fail(queue.lease("w", MINUTE), FAILURE, 1.0)
    assert queue.lease("w", MINUTE).experiment.tenant == "unlucky"


def test_a_cancelling_run_whose_worker_died_is_leased_to_end(database):
    experiment = store_experiment(database)
    store_experiment(database)
    queue, repository = JobQueue(database), ExperimentRepository(database, "acme")
    queue.lease("w1", MINUTE)
    repository.request_cancel(experiment.id)
    let_leases_expire(database)
    lease = queue.lease("w2", MINUTE)
    assert lease.experiment.id == experiment.id
    assert lease.experiment.state is JobState.CANCELLING
    queue.cancelled(lease, 1.0)
    assert repository.get(experiment.id).state is JobState.CANCELLED


def test_a_run_may_succeed_while_it_is_being_cancelled(database):
    experiment = store_experiment(database)
    queue, repository = JobQueue(database), ExperimentRepository(database, "acme")
    lease = queue.lease("w", MINUTE)
    repository.request_cancel(experiment.id)
    succeed(queue, lease)
    assert repository.get(experiment.id).state is JobState.SUCCEEDED
    with pytest.raises(FailedPreconditionError):
        repository.request_cancel(experiment.id)


def test_experiments_are_counted_by_state(database):
    for _ in range(3):
        store_experiment(database)
    queue = JobQueue(database)
    queue.lease("w", MINUTE)
    counts = queue.counts()
    assert (counts[JobState.QUEUED], counts[JobState.RUNNING]) == (2, 1)
    assert set(counts) == set(JobState)


def test_a_tuned_model_outlives_its_experiment(database):
    experiment = store_experiment(database)
    queue = JobQueue(database)
    succeed(queue, queue.lease("w", MINUTE))
    ExperimentRepository(database, "acme").delete(experiment.id)
    models = TunedModelRepository(database, "acme")
    assert models.get("model-1").tune_experiment == experiment.id
    assert models.delete("model-1") == "tunedModels/model-1"
    with pytest.raises(NotFoundError):
        models.get("model-1")


def test_tuned_models_are_listed_newest_first_without_evaluations(database):
    queue = JobQueue(database)
    for number in range(3):
        store_experiment(database)
        succeed(queue, queue.lease("w", MINUTE), f"model-{number}")
    models = TunedModelRepository(database, "acme")
    first = models.list(ListRequest(page_size=2))
    second = models.list(ListRequest(page_size=2, page_token=first.next_page_token))
    assert [model.id for model in first.items + second.items] == ["model-2", "model-1", "model-0"]
    assert {model.evaluations for model in first.items} == {()}


def test_every_failpoint_is_passed(database):
    passed: list[str] = []
    queue = JobQueue(database, failpoint=passed.append)
    for _ in range(3):
        store_experiment(database)
    lease = queue.lease("w", MINUTE)
    beat(queue, lease, duration=MINUTE)
    queue.rewind(lease, 0, resumed_step=0)
    queue.release(lease)
    succeed(queue, queue.lease("w", MINUTE))
    queue.fail(queue.lease("w", MINUTE), FAILURE, 0.0)
    last = queue.lease("w", MINUTE)
    ExperimentRepository(database, "acme").request_cancel(last.experiment.id)
    queue.cancelled(last, 0.0)
    store_experiment(database)
    running = queue.lease("w", MINUTE)
    let_wait(database, store_experiment(database, "other"))
    assert queue.hand_over(company_of(running), [running], MINUTE)
    let_wait(database, store_experiment(database, "other"))
    assert queue.join("w", running.experiment.config.base_model, MINUTE)
    assert set(passed) == set(FAILPOINTS)
