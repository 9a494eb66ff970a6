"""Runs whose worker or whole service is killed, and runs that are cancelled."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from factories.services import children, sample_rows
from factories.waiting import wait_until
from foreword.cli.demo.service import LocalService
from foreword.client import Client, TuneParameters
from foreword.domain.job import JobState

# A fixed number format: three workers that each measure the faster one may disagree.
SETTINGS = {"FOREWORD_CHECKPOINT_SECONDS": "0.5", "FOREWORD_LEASE_SECONDS": "2", "FOREWORD_DTYPE": "float32"}
RUN = TuneParameters(num_epochs=3, batch_size=4, seed=3, validation_split=0.2, refit=False)


@pytest.fixture(scope="module")
def database_of_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that FOREWORD_DATABASE_URL names while the service is started."""
    return tmp_path_factory.mktemp("production") / "production.db"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, database_of_environment: Path) -> Iterator[LocalService]:
    """A service that the tests kill, stop and start again, one after the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOREWORD_DATABASE_URL", f"sqlite:///{database_of_environment}")
        running = LocalService(tmp_path_factory.mktemp("home"), environment=SETTINGS).start()
    yield running
    running.stop()


@pytest.fixture
def client(service: LocalService) -> Iterator[Client]:
    with service.client() as connected:
        yield connected


def start_run(client: Client) -> str:
    dataset = client.upload_dataset(sample_rows(40), display_name="survival")
    run = client.create_tune_experiment(dataset, display_name="Survivor", parameters=RUN, evaluate_base=False)
    return run.name


def wait_for_step(client: Client, experiment: str, step: int) -> None:
    for seen in client.watch_tune_experiment(experiment):
        if seen.progress.step >= step or seen.state.ended:
            assert not seen.state.ended, "the run ended before it could be disturbed"
            return


def test_a_run_survives_kill_9_and_ends_as_if_nothing_had_happened(service: LocalService) -> None:
    with service.client() as client:
        undisturbed = client.wait_for_experiment(start_run(client))
        experiment = start_run(client)

        wait_for_step(client, experiment, 5)
        (worker,) = children(service.pid)
        os.kill(worker, signal.SIGKILL)
        wait_for_step(client, experiment, 14)
        os.kill(service.pid, signal.SIGKILL)
        service.stop()
        service.start()
        with service.client() as later:
            survivor = later.wait_for_experiment(experiment)
            sequences = [item.sequence for item in later.get_tune_experiment(experiment).snapshots]
            steps = [item.step for item in later.get_tune_experiment(experiment).snapshots]
            models = [later.get_tuned_model(name) for name in (undisturbed.tuned_model, survivor.tuned_model)]

        assert survivor.state is JobState.SUCCEEDED
        assert models[0].content_sha256 == models[1].content_sha256
        assert sequences == sorted(set(sequences))
        assert steps == sorted(set(steps))


def test_cancelling_stops_a_run_at_once(client: Client) -> None:
    experiment = start_run(client)
    wait_for_step(client, experiment, 2)

    asked = client.cancel_tune_experiment(experiment)
    now = wait_until(lambda: (seen := client.get_tune_experiment(experiment)).state.ended and seen)

    assert asked.state in (JobState.CANCELLING, JobState.CANCELLED)
    assert now.state is JobState.CANCELLED
    # One step may have ended between the last stored progress and the request, and another may be running.
    assert now.progress.step <= asked.progress.step + 2
    assert not now.tuned_model


def test_sigterm_drains_and_the_run_continues_after_the_restart(service: LocalService) -> None:
    with service.client() as client:
        experiment = start_run(client)
        wait_for_step(client, experiment, 10)
    service.stop()
    service.start()

    with service.client() as client:
        resumed = client.get_tune_experiment(experiment)
        done = client.wait_for_experiment(experiment)

    assert resumed.progress.step >= 10
    assert done.state is JobState.SUCCEEDED
    assert "Traceback" not in service.log


@pytest.mark.usefixtures("client")
def test_the_service_of_a_demo_ignores_the_database_of_the_environment(
    service: LocalService, database_of_environment: Path
) -> None:
    assert not database_of_environment.exists()
    assert (service.home / "foreword.db").exists()
