"""Since when a job waits for a worker: while it is queued, between its turns, and after its worker has died."""

from __future__ import annotations

from datetime import timedelta

import pytest

from factories.stored import beat, company_of, let_wait, let_workers_die, store_experiment
from foreword.domain.experiment import Phase, Progress, TuneExperiment
from foreword.domain.failure import Failure
from foreword.domain.job import JobState
from foreword.names import TuneExperimentName
from foreword.storage.database import Database
from foreword.storage.jobs.leases import Lease
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.versions import Versions
from foreword.storage.workers.queue import JobQueue

MINUTE = timedelta(minutes=1)


def get(database: Database, experiment: TuneExperiment) -> TuneExperiment:
    return ExperimentRepository(database, experiment.tenant).get(experiment.id)


def tuning(database: Database) -> Lease:
    """A running experiment with progress."""
    store_experiment(database)
    lease = JobQueue(database).lease("worker", MINUTE)
    assert lease is not None
    progress = Progress(percent=40.0, step=4, remaining_seconds=60.0, phase=Phase.TUNING)
    beat(JobQueue(database), lease, progress=progress, duration=MINUTE)
    return lease


def test_a_queued_run_waits_since_its_creation_and_one_that_has_a_worker_does_not(database: Database) -> None:
    queued = get(database, store_experiment(database))

    lease = JobQueue(database).lease("worker", MINUTE)

    assert queued.wait_start_time == queued.create_time
    assert queued.progress.phase is Phase.LOADING
    assert lease.experiment.wait_start_time is None
    assert get(database, queued).wait_start_time is None


@pytest.mark.parametrize("ends", ["cancelled", "failed"])
def test_a_run_that_has_ended_early_has_no_time_left(database: Database, ends: str) -> None:
    lease = tuning(database)
    assert get(database, lease.experiment).progress.remaining_seconds == 60.0

    if ends == "cancelled":
        ExperimentRepository(database, lease.tenant).request_cancel(lease.experiment.id)
        JobQueue(database).cancelled(lease, 1.0)
    else:
        JobQueue(database).fail(lease, Failure(kind="internal", reason="INTERNAL", message="It broke."), 1.0)

    ended = get(database, lease.experiment).progress
    assert (ended.remaining_seconds, ended.percent) == (None, 40.0)


def test_a_run_whose_worker_has_died_waits_since_its_last_sign_of_life(database: Database) -> None:
    lease = tuning(database)
    name = TuneExperimentName(lease.tenant, lease.experiment.id)
    before = Versions(database).read([name])

    died = let_workers_die(database)

    found = get(database, lease.experiment)
    assert (found.state, found.wait_start_time) == (JobState.RUNNING, died)
    assert (found.progress.phase, found.progress.percent) == (Phase.WAITING, 40.0)
    assert found.progress.remaining_seconds is None
    assert Versions(database).read([name]) != before  # so that watches see it
    beat(JobQueue(database), lease, duration=MINUTE)  # it was only slow
    again = get(database, lease.experiment)
    assert (again.wait_start_time, again.progress.phase) == (None, Phase.TUNING)
    assert Versions(database).read([name]) == before


def test_a_run_that_was_given_back_waits_from_then_on(database: Database) -> None:
    lease = tuning(database)
    before = get(database, lease.experiment).update_time

    JobQueue(database).release(lease)

    found = get(database, lease.experiment)
    assert found.wait_start_time == found.update_time > before
    assert found.progress.phase is Phase.WAITING


def test_a_run_between_two_turns_waits_since_it_made_room(database: Database) -> None:
    lease = tuning(database)
    let_wait(database, store_experiment(database, "quiet"))
    beat(JobQueue(database), lease, compute_seconds=60.0, duration=MINUTE)

    following = JobQueue(database).hand_over(company_of(lease), [lease], MINUTE)

    assert following is not None
    found = get(database, lease.experiment)
    assert found.wait_start_time == found.update_time


def test_a_run_that_has_ended_does_not_wait(database: Database) -> None:
    lease = tuning(database)

    JobQueue(database).fail(lease, Failure(kind="internal", reason="TEST", message="Ended."), 1.0)

    assert get(database, lease.experiment).wait_start_time is None
