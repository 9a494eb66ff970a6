"""Watches of experiments, on a real database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy.orm import Session

from factories.api import create_experiment, refused, upload
from factories.stored import beat, let_workers_die, make_snapshot, store_experiment
from foreword.domain.experiment import Progress, TuneExperiment
from foreword.domain.failure import Failure
from foreword.domain.job import JobState
from foreword.errors import ExhaustedError, NotFoundError, UnavailableError
from foreword.names import TuneExperimentName
from foreword.server.jobs.watches import POLL_SECONDS, Watch, Watches
from foreword.storage.database import Database
from foreword.storage.jobs.leases import Lease
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.workers.queue import JobQueue
from foreword.turns.turn_pool import TurnPool
from foreword.v1 import tune_experiment_service_pb2

MINUTE = timedelta(minutes=1)
FAILURE = Failure(kind="internal", reason="TEST", message="Ended by the test.")


class CountingDatabase(Database):
    """A database that counts read transactions."""

    reads = 0

    @contextmanager
    def read(self) -> Iterator[Session]:
        self.reads += 1
        with super().read() as session:
            yield session


@pytest.fixture
def database(tmp_path: Path) -> Iterator[CountingDatabase]:
    opened = CountingDatabase(f"sqlite:///{tmp_path / 'foreword.db'}")
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def lease(database: Database) -> Lease:
    """A running experiment."""
    store_experiment(database)
    found = JobQueue(database).lease("worker", MINUTE)
    assert found is not None
    return found


@pytest.fixture
def storage() -> Iterator[TurnPool]:
    pool = TurnPool("storage")
    yield pool
    pool.close()


def name_of(lease: Lease) -> TuneExperimentName:
    return TuneExperimentName(lease.experiment.tenant, lease.experiment.id)


def advance(database: Database, lease: Lease, *steps: int) -> None:
    beat(
        JobQueue(database),
        lease,
        progress=Progress(step=steps[-1]),
        snapshots=[make_snapshot(step) for step in steps],
        compute_seconds=1.0,
        duration=MINUTE,
    )


async def seen_next(watch: Watch) -> TuneExperiment:
    for _ in range(10):
        if (found := await watch.next(1.0)) is not None:
            return found
    raise AssertionError("nothing changed")


async def to_the_end(watch: Watch) -> None:
    while True:
        await watch.next(1.0)


def sequences(experiment: TuneExperiment) -> list[int]:
    return [snapshot.sequence for snapshot in experiment.snapshots]


async def test_a_hundred_watches_of_an_experiment_cost_what_one_does(
    database: CountingDatabase, lease: Lease, storage: TurnPool
):
    watches = Watches(database, storage=storage, max_per_tenant=100)
    with ExitStack() as stack:
        opened = [stack.enter_context(watches.open(name_of(lease), 0)) for _ in range(100)]
        for watch in opened:
            assert (await seen_next(watch)).state is JobState.RUNNING
        before, begin = database.reads, time.monotonic()

        advance(database, lease, 1)
        told = [sequences(await seen_next(watch)) for watch in opened]
        await asyncio.sleep(2 * POLL_SECONDS)

        rounds = (time.monotonic() - begin) / POLL_SECONDS + 2
        assert told == [[1]] * 100
        assert database.reads - before <= rounds + 1


async def test_every_watch_begins_where_its_caller_left_off(database: Database, lease: Lease, storage: TurnPool):
    advance(database, lease, 1, 2, 3)
    watches = Watches(database, storage=storage, max_per_tenant=10)

    with watches.open(name_of(lease), 0) as all_of_it, watches.open(name_of(lease), 2) as rest:
        assert sequences(await seen_next(all_of_it)) == [1, 2, 3]
        assert sequences(await seen_next(rest)) == [3]
        with watches.open(name_of(lease), 1) as late:
            assert sequences(await seen_next(late)) == [2, 3]
        assert await all_of_it.next(2 * POLL_SECONDS) is None


async def test_a_slow_caller_misses_no_snapshot(database: Database, lease: Lease, storage: TurnPool):
    watches = Watches(database, storage=storage, max_per_tenant=10)
    with watches.open(name_of(lease), 0) as slow, watches.open(name_of(lease), 0) as quick:
        await seen_next(slow)
        await seen_next(quick)
        told = []
        for step in (1, 2):
            advance(database, lease, step)
            told += sequences(await seen_next(quick))

        assert told == [1, 2]
        assert sequences(await seen_next(slow)) == [1, 2]


async def test_a_heartbeat_without_news_wakes_no_watch(database: Database, lease: Lease, storage: TurnPool):
    watches = Watches(database, storage=storage, max_per_tenant=10)
    with watches.open(name_of(lease), 0) as watch:
        await seen_next(watch)
        beat(JobQueue(database), lease, progress=lease.experiment.progress, duration=MINUTE)

        assert await watch.next(3 * POLL_SECONDS) is None


async def test_a_watch_sees_that_a_worker_has_died(database: Database, lease: Lease, storage: TurnPool):
    watches = Watches(database, storage=storage, max_per_tenant=10)
    with watches.open(name_of(lease), 0) as watch:
        assert (await seen_next(watch)).wait_start_time is None

        died = let_workers_die(database)

        assert (await seen_next(watch)).wait_start_time == died
        assert await watch.next(3 * POLL_SECONDS) is None


async def test_one_experiment_that_is_gone_ends_its_own_watches_only(
    database: Database, lease: Lease, storage: TurnPool
):
    watches = Watches(database, storage=storage, max_per_tenant=10)
    other = store_experiment(database)
    with (
        watches.open(name_of(lease), 0) as gone,
        watches.open(TuneExperimentName(other.tenant, other.id), 0) as kept,
    ):
        await seen_next(gone)
        await seen_next(kept)
        JobQueue(database).fail(lease, FAILURE, 1.0)
        ExperimentRepository(database, other.tenant).delete(lease.experiment.id)
        with pytest.raises(NotFoundError, match=lease.experiment.id):
            await to_the_end(gone)

        ExperimentRepository(database, other.tenant).request_cancel(other.id)
        assert (await seen_next(kept)).state is JobState.CANCELLED


async def test_a_tenant_has_so_many_watches_and_takes_no_other_tenants(
    database: Database, lease: Lease, storage: TurnPool
):
    watches = Watches(database, storage=storage, max_per_tenant=2)
    other = store_experiment(database, "other")
    with watches.open(name_of(lease), 0), ExitStack() as stack:
        stack.enter_context(watches.open(name_of(lease), 0))
        with pytest.raises(ExhaustedError, match="has 2 watches open") as caught:
            stack.enter_context(watches.open(name_of(lease), 0))
        stack.enter_context(watches.open(TuneExperimentName("other", other.id), 0))
        stack.close()
        with watches.open(name_of(lease), 0) as again:
            assert (await seen_next(again)).id == lease.experiment.id

    assert caught.value.retry_after >= timedelta(seconds=1)


async def test_the_database_is_not_queried_without_watches(database: CountingDatabase, lease: Lease, storage: TurnPool):
    watches = Watches(database, storage=storage, max_per_tenant=10)
    with watches.open(name_of(lease), 0) as watch:
        await seen_next(watch)
    await asyncio.sleep(3 * POLL_SECONDS)
    before = database.reads

    await asyncio.sleep(3 * POLL_SECONDS)

    assert database.reads == before


async def test_closed_watches_state_where_to_resume(database: Database, lease: Lease, storage: TurnPool):
    advance(database, lease, 1, 2)
    watches = Watches(database, storage=storage, max_per_tenant=10)
    with watches.open(name_of(lease), 0) as watch:
        await seen_next(watch)
        watches.close()

        with pytest.raises(UnavailableError, match="after_sequence 2"):
            await watch.next(1.0)
    with pytest.raises(UnavailableError), watches.open(name_of(lease), 7):
        pass


def test_a_watch_that_its_caller_left_makes_room(start_server: Any):
    stubs = start_server(max_watches=1).stubs()
    name = create_experiment(stubs, upload(stubs).name).name
    request = tune_experiment_service_pb2.WatchTuneExperimentRequest(name=name)
    first = stubs.experiments.WatchTuneExperiment(request)
    next(first)

    failure = refused(stubs.experiments.WatchTuneExperiment, request)
    first.cancel()
    for _ in range(400):
        second = stubs.experiments.WatchTuneExperiment(request)
        try:
            next(second)
            break
        except grpc.RpcError:
            time.sleep(0.05)

    assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failure.reason == "TOO_MANY_WATCHES"
    assert failure.retry_seconds
    assert failure.quota == "tenants/dev"
    assert second.is_active()
    second.cancel()
