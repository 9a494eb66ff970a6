"""Concurrent callers: an operation that must happen once happens once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import pytest

from factories.stored import company_of, let_wait, store_dataset, store_experiment, store_tenant
from foreword.domain.experiment import Progress
from foreword.domain.job import JobState
from foreword.domain.model_reference import ModelReference
from foreword.errors import (
    AbortedError,
    AlreadyExistsError,
    ExhaustedError,
    FailedPreconditionError,
    ForewordError,
    NotFoundError,
)
from foreword.storage.database import Database
from foreword.storage.jobs.leases import LeaseState
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.requests import RequestKey
from foreword.storage.repositories.run_results import Beat
from foreword.storage.repositories.tenants import TenantRepository
from foreword.storage.workers.queue import JobQueue

T = TypeVar("T")

CALLERS = 8


def race(url: str, action: Callable[[Database, int], T]) -> list[T | ForewordError]:
    """Run an action in many threads at once, each with its own connections, like processes."""
    barrier = threading.Barrier(CALLERS)
    found: list[T | ForewordError] = []

    def call(number: int) -> None:
        database = Database(url)
        try:
            database.now()  # connects
            barrier.wait()
            found.append(action(database, number))
        except ForewordError as error:
            found.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=call, args=(number,)) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == CALLERS
    return found


def test_racing_workers_lease_every_experiment_once(database, database_url):
    stored = {store_experiment(database, tenant).id for tenant in ("acme", "other") for _ in range(6)}

    def lease_all(own: Database, number: int) -> list[tuple[str, int]]:
        queue, leases = JobQueue(own), []
        while lease := queue.lease(f"w{number}", timedelta(minutes=1)):
            leases.append((lease.experiment.id, lease.epoch))
        return leases

    leases = [lease for found in race(database_url, lease_all) for lease in found]
    assert sorted(leases) == sorted((id, 1) for id in stored)


def test_racing_workers_fill_their_companies_without_sharing_a_run(database, database_url):
    stored = {store_experiment(database, tenant).id for tenant in ("acme", "other") for _ in range(6)}
    for tenant in ("acme", "other"):
        for item in ExperimentRepository(database, tenant).list().items:
            let_wait(database, item)

    def join_all(own: Database, number: int) -> list[tuple[str, int]]:
        queue, leases = JobQueue(own), []
        while lease := queue.join(f"w{number}", "foreword--starter", timedelta(minutes=1)):
            leases.append((lease.experiment.id, lease.epoch))
        return leases

    leases = [lease for found in race(database_url, join_all) for lease in found]
    assert sorted(leases) == sorted((id, 1) for id in stored)


def test_racing_heartbeats_of_companies_with_the_same_tenants_all_succeed(database, database_url):
    queue, companies = JobQueue(database), []
    for number in range(CALLERS):
        for tenant in ("acme", "other", "third"):
            store_experiment(database, tenant)
        leases = [queue.lease(f"w{number}", timedelta(minutes=1)) for _ in range(3)]
        companies.append(leases if number % 2 else leases[::-1])

    def beat_often(own: Database, number: int) -> set[LeaseState]:
        states: set[LeaseState] = set()
        for second in range(1, 6):
            beats = [
                Beat(lease=lease, progress=Progress(step=second), compute_seconds=float(second))
                for lease in companies[number]
            ]
            states |= set(JobQueue(own).heartbeat(beats, duration=timedelta(minutes=1)))
        return states

    assert race(database_url, beat_often) == [{LeaseState.HELD}] * CALLERS
    for tenant in ("acme", "other", "third"):
        assert {run.compute_seconds for run in ExperimentRepository(database, tenant).list().items} == {5.0}


def test_racing_companies_yield_to_a_single_waiting_run_once(database, database_url):
    queue, companies = JobQueue(database), []
    for number in range(CALLERS):
        for _ in range(2):
            store_experiment(database, "busy")
        companies.append([queue.lease(f"w{number}", timedelta(minutes=1)) for _ in range(2)])
    waiting = store_experiment(database, "quiet", base_model="other")
    let_wait(database, waiting)

    def hand_over(own: Database, number: int) -> str | None:
        leases = companies[number]
        following = JobQueue(own).hand_over(company_of(*leases), leases, timedelta(minutes=1))
        return following.experiment.id if following else None

    found = race(database_url, hand_over)
    assert sorted(item for item in found if item) == [waiting.id]


def test_racing_workers_take_over_a_silent_run_one_at_a_time(database, database_url):
    store_experiment(database)
    JobQueue(database).lease("silent", timedelta())
    leases = race(database_url, lambda own, n: JobQueue(own).lease(f"w{n}", timedelta(minutes=1)))
    assert [lease.epoch for lease in leases if lease] == [2]


def test_racing_requests_of_one_id_create_one_experiment(database, database_url):
    dataset, request = store_dataset(database).id, RequestKey("CreateTuneExperiment", "r", "f")
    found = race(database_url, lambda own, _: store_experiment(own, dataset=dataset, request=request).id)
    assert len(set(found)) == 1
    assert len(ExperimentRepository(database, "acme").list().items) == 1


def test_racing_requests_of_one_id_with_other_content_create_one_experiment(database, database_url):
    dataset = store_dataset(database).id
    found = race(
        database_url,
        lambda own, n: store_experiment(own, dataset=dataset, request=RequestKey("Create", "r", f"f{n}")).id,
    )
    assert [type(item) for item in found].count(AlreadyExistsError) == CALLERS - 1
    assert len(ExperimentRepository(database, "acme").list().items) == 1


def test_racing_experiments_get_different_names(database, database_url):
    dataset = store_dataset(database).id
    found = race(database_url, lambda own, _: store_experiment(own, dataset=dataset, display_name="v1").display_name)
    assert sorted(found) == [f"v1 ({number})" for number in range(1, CALLERS + 1)]


def test_racing_experiments_never_overfill_the_queue(database, database_url):
    dataset = store_dataset(database).id
    found = race(database_url, lambda own, _: store_experiment(own, dataset=dataset, max_queued=3).id)
    assert [type(item) for item in found].count(ExhaustedError) == CALLERS - 3


def test_racing_uploads_get_different_versions(database, database_url):
    store_tenant(database)
    found = race(database_url, lambda own, _: store_dataset(own).version)
    assert sorted(found) == list(range(1, CALLERS + 1))


def test_racing_deployments_of_one_serving_name_make_one(database, database_url):
    store_tenant(database)
    found = race(
        database_url,
        lambda own, n: DeploymentRepository(own, "acme").create(
            space="default", id=f"d{n}", serving_name="triage", model=ModelReference(base_model="foreword--starter")
        ),
    )
    assert [type(item) for item in found].count(AlreadyExistsError) == CALLERS - 1


def test_racing_updates_with_one_etag_change_a_deployment_once(database, database_url):
    store_tenant(database)
    first = DeploymentRepository(database, "acme").create(
        space="default", id="d", serving_name="d", model=ModelReference(base_model="foreword--starter")
    )
    found = race(
        database_url,
        lambda own, n: DeploymentRepository(own, "acme").update("default", "d", etag=first.etag, description=str(n)),
    )
    (updated,) = [item for item in found if not isinstance(item, ForewordError)]
    assert all(isinstance(item, AbortedError) for item in found if item is not updated)
    assert DeploymentRepository(database, "acme").get("default", "d").etag == updated.etag != first.etag


def test_racing_creations_of_a_tenant_make_one(database, database_url):
    found = race(database_url, lambda own, _: TenantRepository(own).create_tenant("acme"))
    assert [type(item) for item in found].count(AlreadyExistsError) == CALLERS - 1
    same = race(database_url, lambda own, _: TenantRepository(own).ensure_tenant("other").id)
    assert same == ["other"] * CALLERS


def test_a_dataset_is_either_deleted_or_used(database, database_url):
    for _ in range(3):
        dataset = store_dataset(database).id

        def delete_or_use(own: Database, number: int, dataset: str = dataset) -> str:
            if number % 2:
                DatasetRepository(own, "acme").delete(dataset)
                return "deleted"
            store_experiment(own, dataset=dataset)
            return "used"

        outcomes = Counter(item if isinstance(item, str) else type(item) for item in race(database_url, delete_or_use))
        assert outcomes in (
            Counter({"used": CALLERS // 2, FailedPreconditionError: CALLERS // 2}),
            Counter({"deleted": 1, NotFoundError: CALLERS - 1}),
        )


@pytest.mark.parametrize("attempt", range(3))
def test_cancelling_while_leasing_never_loses_the_request(database, database_url, attempt):
    experiment = store_experiment(database)

    def lease_or_cancel(own: Database, number: int) -> object:
        if number:
            return ExperimentRepository(own, "acme").request_cancel(experiment.id).state
        return JobQueue(own).lease("w", timedelta(minutes=1))

    found = race(database_url, lease_or_cancel)
    state = ExperimentRepository(database, "acme").get(experiment.id).state
    assert state in (JobState.CANCELLED, JobState.CANCELLING)
    assert (state is JobState.CANCELLED) == (None in found)
