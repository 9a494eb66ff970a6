"""Runs that yield their worker to runs of other tenants."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import select

from factories.stored import beat, company_of, let_wait, make_snapshot, store_experiment
from foreword.domain.experiment import Phase, Progress, TuneExperiment
from foreword.domain.failure import Failure
from foreword.domain.job import JobState
from foreword.errors import LeaseLostError
from foreword.names import TuneExperimentName
from foreword.storage.artifacts.keys import checkpoints_key
from foreword.storage.database import Database
from foreword.storage.jobs.leases import Lease
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.tables import ArtifactDeletionRow
from foreword.storage.versions import Versions
from foreword.storage.workers.queue import JobQueue

MINUTE = timedelta(minutes=1)
FAILURE = Failure(kind="internal", reason="INTERNAL", message="It broke.")


def start(database: Database, tenant: str = "busy", seconds: float = 60.0) -> Lease:
    """Start a run that has used some compute time."""
    store_experiment(database, tenant)
    queue = JobQueue(database)
    lease = queue.lease(f"worker of {tenant}", MINUTE)
    progress = Progress(percent=40.0, step=4, remaining_seconds=9.0, phase=Phase.TUNING)
    beat(queue, lease, progress=progress, snapshots=[make_snapshot(4)], compute_seconds=seconds, duration=MINUTE)
    return lease


def queue_waiting(database: Database, tenant: str = "quiet") -> TuneExperiment:
    """Queue a run that has waited for some seconds."""
    experiment = store_experiment(database, tenant)
    let_wait(database, experiment)
    return experiment


def get(database: Database, experiment: TuneExperiment) -> TuneExperiment:
    return ExperimentRepository(database, experiment.tenant).get(experiment.id, after_sequence=0)


def yielded(database: Database) -> tuple[Lease, Lease]:
    """Return the leases of a run that has yielded and of the run that has its worker now."""
    lease = start(database)
    queue_waiting(database)
    following = JobQueue(database).hand_over(company_of(lease), [lease], MINUTE)
    assert following is not None
    return lease, following


def test_a_run_hands_its_worker_to_the_waiting_run_of_another_tenant(database):
    queue = JobQueue(database)
    lease = start(database)
    waiting = queue_waiting(database)

    asked = queue.leaving(company_of(lease))
    following = queue.hand_over(company_of(lease), [lease], MINUTE)

    assert asked == [lease]
    assert (following.experiment.id, following.worker, following.epoch) == (waiting.id, lease.worker, 1)
    assert following.experiment.state is JobState.RUNNING
    with pytest.raises(LeaseLostError):
        beat(queue, lease, duration=MINUTE)
    assert not beat(queue, following, duration=MINUTE)


def test_a_run_between_two_turns_is_running_and_says_that_it_waits(database):
    name = TuneExperimentName("busy", (lease := start(database)).experiment.id)
    queue_waiting(database)
    before = Versions(database).read([name])

    JobQueue(database).hand_over(company_of(lease), [lease], MINUTE)

    found = get(database, lease.experiment)
    assert found.state is JobState.RUNNING
    assert (found.progress.phase, found.progress.step, found.progress.percent) == (Phase.WAITING, 4, 40.0)
    assert found.progress.remaining_seconds is None
    assert Versions(database).read([name]) != before  # so that watches see it


def test_a_run_continues_after_its_wait_with_its_curve_and_no_lost_lease(database):
    lease, following = yielded(database)
    queue = JobQueue(database)
    time.sleep(0.05)
    queue.fail(following, FAILURE, 90.0)

    again = queue.lease("w2", MINUTE)

    assert (again.experiment.id, again.epoch, again.lost_before) == (lease.experiment.id, 2, 0)
    assert [point.step for point in again.experiment.snapshots] == [4]
    assert again.experiment.progress.phase is Phase.LOADING
    assert 0.05 <= again.experiment.wait_seconds < 60
    assert again.experiment.compute_seconds == 60.0


def test_turns_go_to_and_fro_by_compute_time(database):
    lease, following = yielded(database)
    queue = JobQueue(database)
    beat(queue, following, compute_seconds=30.0, duration=MINUTE)
    time.sleep(1.1)  # until the first run has waited long enough

    early = queue.hand_over(company_of(following), [following], MINUTE)
    beat(queue, following, compute_seconds=61.0, duration=MINUTE)
    back = queue.hand_over(company_of(following), [following], MINUTE)

    assert early is None
    assert (back.experiment.id, back.epoch) == (lease.experiment.id, 2)


def test_a_run_does_not_yield_to_its_own_tenant(database):
    lease = start(database)
    queue_waiting(database, "busy")

    assert not JobQueue(database).leaving(company_of(lease))
    assert JobQueue(database).hand_over(company_of(lease), [lease], MINUTE) is None


def test_a_run_does_not_yield_to_one_that_a_free_worker_may_take(database):
    lease = start(database)
    store_experiment(database, "quiet")

    assert not JobQueue(database).leaving(company_of(lease))


def test_a_run_does_not_yield_to_a_tenant_with_a_worker_of_its_own(database):
    lease = start(database)
    start(database, "quiet", seconds=1.0)
    queue_waiting(database)

    assert not JobQueue(database).leaving(company_of(lease))


def test_only_one_of_two_runs_yields_to_a_single_waiting_one(database):
    leases = [start(database), start(database)]
    waiting = queue_waiting(database)
    queue, results = JobQueue(database), []

    def hand_over(lease: Lease) -> None:
        results.append(queue.hand_over(company_of(lease), [lease], MINUTE))

    threads = [threading.Thread(target=hand_over, args=(lease,)) for lease in leases]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(result.experiment.id for result in results if result) == [waiting.id]


def test_a_run_whose_cancellation_was_requested_ends_instead_of_yielding(database):
    lease = start(database)
    queue_waiting(database)
    ExperimentRepository(database, "busy").request_cancel(lease.experiment.id)

    assert JobQueue(database).hand_over(company_of(lease), [lease], MINUTE) is None
    assert beat(JobQueue(database), lease, duration=MINUTE)


def test_a_run_between_two_turns_is_cancelled_at_once_and_can_be_deleted(database):
    lease, _ = yielded(database)
    experiment = lease.experiment
    repository = ExperimentRepository(database, experiment.tenant)

    cancelled = repository.request_cancel(experiment.id)

    assert cancelled.state is JobState.CANCELLED
    assert cancelled.end_time is not None
    assert JobQueue(database).lease("w", MINUTE) is None
    with database.read() as session:
        (noted,) = session.scalars(select(ArtifactDeletionRow.artifact))
    assert noted == checkpoints_key(experiment.tenant, experiment.id, experiment.create_time)
    repository.delete(experiment.id)
    assert repository.list().items == ()


def test_compute_time_of_a_tenant_counts_over_all_of_its_runs(database):
    queue = JobQueue(database)
    queue.fail(start(database, "busy", seconds=10.0), FAILURE, 40.0)
    queue.fail(start(database, "other", seconds=30.0), FAILURE, 30.0)
    for tenant in ("busy", "other"):
        store_experiment(database, tenant)

    assert queue.lease("w", MINUTE).experiment.tenant == "other"


def test_a_run_does_not_yield_to_runs_that_have_ended(database):
    lease = start(database)
    for _ in range(3):
        experiment = queue_waiting(database)
        ExperimentRepository(database, "quiet").request_cancel(experiment.id)

    assert not JobQueue(database).leaving(company_of(lease))
