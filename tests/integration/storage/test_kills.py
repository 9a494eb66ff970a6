"""Workers that are killed at the worst moments: no acknowledged write is lost, and no other worker writes."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from sqlalchemy import select

from factories.fake_training import STEPS, Place, value_at, work
from factories.forked import fork_context
from factories.stored import let_wait, store_dataset, store_experiment
from foreword.domain.job import JobState
from foreword.storage.artifacts import checkpoints
from foreword.storage.artifacts import store as artifacts
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.lists.pages import Page
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.tuned_models import TunedModelRepository
from foreword.storage.tables import ArtifactDeletionRow
from foreword.storage.workers import queue

T = TypeVar("T")


ACKNOWLEDGED = ("leased", "heartbeat", "checkpoint", "cancel", "ended")
MODES = ("succeed", "fail", "cancel", "release", "yield")
SUCCEEDED, FAILED, CANCELLED = JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED
ENDS = {
    "succeed": {SUCCEEDED},
    "fail": {FAILED},
    "cancel": {CANCELLED, SUCCEEDED},  # it may succeed before its worker sees the request
    "release": {SUCCEEDED},
    "yield": {SUCCEEDED},
}
MOMENTS = (*queue.FAILPOINTS, *artifacts.FAILPOINTS, *checkpoints.FAILPOINTS)


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Place:
    """The database and the journals of the workers in a test."""
    return Place(database_url, str(tmp_path / "artifacts"), str(tmp_path / "journal"))


def start(place: Place, worker: str, moment: str = "", passes: int = 1) -> BaseProcess:
    process = fork_context().Process(target=work, args=(place, worker, moment, passes), daemon=True)
    process.start()
    return process


def finish(place: Place) -> None:
    """Run all remaining experiments in a worker that is not killed."""
    process = start(place, "last")
    process.join(120)
    assert process.exitcode == 0


def store_run(database: Database, dataset: str, mode: str) -> str:
    """Queue a run that may join a company at once."""
    experiment = store_experiment(database, dataset=dataset, description=mode)
    let_wait(database, experiment)
    return experiment.id


def check(database: Database, place: Place, runs: dict[str, str]) -> int:
    """Compare the journal with the database, and return the number of acknowledged writes."""
    events = [json.loads(line) for line in Path(place.journal).read_text().splitlines()]
    leases = Counter((event["run"], event["epoch"]) for event in events if event["event"] == "leased")
    assert max(leases.values()) == 1, "two workers held one lease"
    repository = ExperimentRepository(database, "acme")
    for run, mode in runs.items():
        own = [event for event in events if event["run"] == run]
        _check_checkpoints(own)
        _check_curve(repository, run, own)
        experiment = repository.get(run)
        assert experiment.state in ENDS[mode], "a run was touched by the end of another"
        told = {event["state"] for event in own if event["event"] == "ended"}
        assert told <= {experiment.state.value}, "an acknowledged end was lost"
        if mode == "cancel" and any(event["event"] == "cancel" for event in own):
            assert experiment.state is JobState.CANCELLED, "an acknowledged cancellation was lost"
        if experiment.state is JobState.SUCCEEDED:
            model = TunedModelRepository(database, "acme").get(experiment.tuned_model or "")
            stored = ArtifactStore(place.artifacts_url).read(model.artifact, "adapter_model.safetensors")
            assert stored.decode() == model.content_sha256 == value_at(run, STEPS), "a run was not resumed exactly"
    succeeded = [item for item in _all(repository.list) if item.state is JobState.SUCCEEDED]
    models = _all(TunedModelRepository(database, "acme").list)
    assert {item.tuned_model for item in succeeded} == {model.id for model in models}, (
        "a tuned model and the end of its experiment came apart"
    )
    _check_adapters(database, place)
    return sum(event["event"] in ACKNOWLEDGED for event in events)


def _check_adapters(database: Database, place: Place) -> None:
    root = Path(place.artifacts_url)
    stored = {str(path.relative_to(root)) for path in root.glob("tenants/*/tunedModels/*")}
    referred = {item.artifact for item in _all(TunedModelRepository(database, "acme").list)}
    with database.read() as session:
        noted = set(session.scalars(select(ArtifactDeletionRow.artifact)))
    assert not referred & noted, "files that a tuned model needs are to be deleted"
    assert referred <= stored <= referred | noted, "files that nothing refers to stay for good"


def _check_checkpoints(own: list[dict[str, Any]]) -> None:
    newest = (0, 0)
    for event in own:
        if event["event"] == "checkpoint":
            newest = max(newest, (event["epoch"], event["step"]))
        if event["event"] == "loaded":
            assert event["sound"], "a partial checkpoint was loaded"
            assert (event["written_by"], event["step"]) >= newest, "an acknowledged checkpoint was lost"


def _check_curve(repository: ExperimentRepository, run: str, own: list[dict[str, Any]]) -> None:
    curve = repository.get(run, after_sequence=0).snapshots
    sequences = [point.sequence for point in curve]
    epochs = [point.learning_rate for point in curve]
    assert sequences == sorted(set(sequences))
    assert epochs == sorted(epochs), "a stale lease wrote after its successor"
    assert len({point.step for point in curve}) == len(curve), "a step is in the curve twice"
    found = {(int(point.learning_rate), point.step) for point in curve}
    for event in own:
        if event["event"] == "heartbeat" and (event["epoch"], event["step"]) not in found:
            dropped = any(
                later["event"] == "rewinding" and later["epoch"] > event["epoch"] and later["step"] < event["step"]
                for later in own
            )
            assert dropped, "an acknowledged snapshot was lost"


def mode_that_passes(moment: str) -> str:
    operation = moment.split(".")[1]
    return {"fail": "fail", "cancelled": "cancel", "release": "release", "hand_over": "yield"}.get(operation, "succeed")


def test_a_worker_killed_at_any_named_moment_loses_nothing(database, place):
    dataset = store_dataset(database).id
    runs = {}
    for number, moment in enumerate(MOMENTS):
        mode = mode_that_passes(moment)
        for own in (mode, "succeed"):
            runs[store_run(database, dataset, own)] = own
        process = start(place, f"w{number}", moment)
        process.join(60)
        assert process.exitcode == -signal.SIGKILL, f"{moment} never came"
    finish(place)
    assert check(database, place, runs) > len(MOMENTS)


def test_a_worker_killed_while_it_saves_again_and_again_loses_nothing(database, place):
    dataset = store_dataset(database).id
    runs = {store_run(database, dataset, "succeed"): "succeed"}
    for number, moment in enumerate((*artifacts.FAILPOINTS, *checkpoints.FAILPOINTS)):
        process = start(place, f"w{number}", moment, passes=2)
        process.join(60)
        assert process.exitcode in (-signal.SIGKILL, 0)
    finish(place)
    check(database, place, runs)


def test_a_worker_that_sleeps_through_its_lease_can_write_nothing(database, place):
    run = store_run(database, store_dataset(database).id, "succeed")
    sleeper = start(place, "sleeper")
    _wait_for(place, "heartbeat")
    _put_to_sleep(sleeper, place)
    try:
        finish(place)
        before = ExperimentRepository(database, "acme").get(run, after_sequence=0)
    finally:
        os.kill(sleeper.pid or 0, signal.SIGCONT)
    sleeper.join(60)
    assert sleeper.exitcode == 0
    assert ExperimentRepository(database, "acme").get(run, after_sequence=0) == before
    check(database, place, {run: "succeed"})


def _put_to_sleep(process: BaseProcess, place: Place) -> None:
    """Stop a process between its transactions; within one, it would hold its locks."""
    while True:
        os.kill(process.pid or 0, signal.SIGSTOP)
        if not _is_locked(place.database_url):
            return
        os.kill(process.pid or 0, signal.SIGCONT)


def _is_locked(database_url: str) -> bool:
    """Return whether another process is in a transaction that may hold locks, without the busy timeout of SQLite."""
    if not database_url.startswith("sqlite"):
        with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
            found = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL"
                " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchone()
            return found is not None and found[0] > 0
    with contextlib.closing(sqlite3.connect(database_url.removeprefix("sqlite:///"), timeout=0.05)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        connection.rollback()
        return False


def test_workers_killed_at_random_lose_nothing(database, place):
    kill_at_random(database, place, kills=5, writes=0)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_two_hundred_random_kills_and_25_000_acknowledged_writes_lose_nothing(database, place):
    assert kill_at_random(database, place, kills=200, writes=25_000) >= 25_000


def kill_at_random(database: Database, place: Place, *, kills: int, writes: int) -> int:
    """Kill one of two workers repeatedly while runs are queued, and return the number of acknowledged writes."""
    chance = random.Random(7)
    dataset = store_dataset(database).id
    runs: dict[str, str] = {}
    workers: list[BaseProcess] = []
    done = 0
    while done < kills or _acknowledged(place) < writes:
        while _unfinished(database) < 4:
            mode = chance.choice(MODES)
            runs[store_run(database, dataset, mode)] = mode
        workers = [worker for worker in workers if worker.is_alive()]
        while len(workers) < 2:
            workers.append(start(place, f"w{len(runs)}-{done}-{len(workers)}"))
        time.sleep(chance.uniform(0.02, 0.3))
        if done < kills:
            victim = workers.pop(chance.randrange(2))
            victim.kill()
            victim.join(60)
            done += victim.exitcode == -signal.SIGKILL
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    finish(place)
    return check(database, place, runs)


def _unfinished(database: Database) -> int:
    return sum(count for state, count in queue.JobQueue(database).counts().items() if not state.ended)


def _acknowledged(place: Place) -> int:
    journal = Path(place.journal)
    text = journal.read_text() if journal.exists() else ""
    return sum(text.count(f'{{"event": "{event}"') for event in ACKNOWLEDGED)


def _all(read: Callable[[ListRequest], Page[T]]) -> list[T]:
    """Return all items of a list."""
    page = read(ListRequest(page_size=1000))
    items = list(page.items)
    while page.next_page_token:
        page = read(ListRequest(page_size=1000, page_token=page.next_page_token))
        items += page.items
    return items


def _wait_for(place: Place, event: str) -> None:
    deadline = time.monotonic() + 60
    while not (Path(place.journal).exists() and f'"{event}"' in Path(place.journal).read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.001)
