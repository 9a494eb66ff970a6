"""The cancellation of jobs of all kinds: at once if no worker holds them, and in the end whatever the workers do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from factories.stored import beat, let_leases_expire, store_experiment
from factories.stored_answering import answer_rows, store_batch_job, store_evaluation
from foreword.domain.job import JobState
from foreword.errors import LeaseLostError
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.jobs.leases import Lease
from foreword.storage.repositories.batch_jobs import BatchJobRepository
from foreword.storage.repositories.evaluations import EvaluationRepository
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.tables import JobRow
from foreword.storage.workers.abandoned_jobs import TIME_FOR_WORKERS, AbandonedJobs
from foreword.storage.workers.queue import JobQueue

MINUTE = timedelta(minutes=1)
KINDS: dict[str, tuple[Callable[..., Any], type[Any]]] = {
    "experiment": (store_experiment, ExperimentRepository),
    "evaluation": (store_evaluation, EvaluationRepository),
    "batch job": (store_batch_job, BatchJobRepository),
}


@dataclass
class Begun:
    """A job that a worker has, with a first answer if its kind keeps any."""

    database: Database
    repository: Any
    lease: Lease

    def cancel(self) -> JobState:
        state: JobState = self.repository.request_cancel(self.lease.subject.id).state
        return state

    @property
    def state(self) -> JobState:
        state: JobState = self.repository.get(self.lease.subject.id).state
        return state


def begin(database: Database, kind: str, folder: Path) -> Begun:
    store, repository = KINDS[kind]
    store(database)
    lease = JobQueue(database).lease("w", MINUTE)
    assert lease is not None
    if kind != "experiment":
        answer_rows(database, ArtifactStore(folder), lease)
    return Begun(database, repository(database, "acme"), lease)


@pytest.fixture(params=KINDS)
def begun(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Begun:
    return begin(database, request.param, tmp_path)


def test_a_job_whose_worker_has_died_is_cancelled_at_once(database: Database, begun: Begun):
    let_leases_expire(database)

    assert begun.cancel() is JobState.CANCELLED

    assert JobQueue(database).lease("another", MINUTE) is None
    with pytest.raises(LeaseLostError):
        beat(JobQueue(database), begun.lease, duration=MINUTE)


def test_a_job_that_its_worker_has_given_back_is_cancelled_at_once(database: Database, begun: Begun):
    JobQueue(database).release(begun.lease, pause=MINUTE)

    assert begun.cancel() is JobState.CANCELLED


def test_a_job_that_a_worker_holds_is_cancelled_by_that_worker(database: Database, begun: Begun):
    assert begun.cancel() is JobState.CANCELLING
    assert begun.cancel() is JobState.CANCELLING

    assert beat(JobQueue(database), begun.lease, duration=MINUTE)


def test_a_job_whose_worker_dies_before_it_notices_is_cancelled_when_the_request_is_repeated(
    database: Database, begun: Begun
):
    begun.cancel()
    let_leases_expire(database)

    assert begun.cancel() is JobState.CANCELLED


def test_a_job_whose_worker_dies_before_it_notices_is_cancelled_in_the_end(database: Database, begun: Begun):
    begun.cancel()
    abandoned = AbandonedJobs(database)
    abandoned.end()
    held = begun.state
    let_leases_expire(database)
    abandoned.end()
    too_early = begun.state
    let_time_pass(database)
    abandoned.end()

    assert (held, too_early, begun.state) == (JobState.CANCELLING, JobState.CANCELLING, JobState.CANCELLED)


def test_an_evaluation_with_answers_is_left_to_the_workers_that_are_there(database: Database, tmp_path: Path):
    begun = begin(database, "evaluation", tmp_path)
    JobQueue(database).release(begun.lease, pause=MINUTE)
    store_experiment(database, "other")
    working = JobQueue(database).lease("busy", MINUTE)
    assert working is not None

    first = begun.cancel()
    let_time_pass(database)
    AbandonedJobs(database).end()
    while_it_works = begun.state
    let_leases_expire(database)
    AbandonedJobs(database).end()

    assert (first, while_it_works, begun.state) == (JobState.CANCELLING, JobState.CANCELLING, JobState.CANCELLED)


def let_time_pass(database: Database) -> None:
    """Let all jobs look as if nothing had changed for longer than the time for workers."""
    with database.write() as session:
        past = database.clock(session) - 2 * TIME_FOR_WORKERS
        session.execute(update(JobRow).values(update_time=past))
