"""Workers that are killed while they tune companies: no run is lost, and none is touched by what ends another."""

from __future__ import annotations

import random
import signal
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from factories.forked import fork_context
from factories.stored import let_wait
from factories.tuning_process import Kill, tune
from factories.waiting import wait_until
from foreword.config import Settings
from foreword.domain.experiment import TuneExperiment
from foreword.domain.job import JobState
from foreword.domain.tuned_model import TENSORS_FILE
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.tuned_models import TunedModelRepository

STEPS = 24
SUCCEEDED, FAILED, CANCELLED = JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED
ENDS = {"sound": {SUCCEEDED}, "diverging": {FAILED}, "cancelled": {CANCELLED}}
BOUND = 1e-3
"""Largest difference between the tensors of a run and those of one that was neither killed nor in company."""


def start(settings: Settings, log: Path, name: str, kill: Kill) -> BaseProcess:
    process = fork_context().Process(target=tune, args=(settings, log, name, kill), daemon=True)
    process.start()
    return process


def queue_run(shop, tenant: str, kind: str) -> TuneExperiment:
    """Queue a run that may join a company at once. All sound ones have the same rows and seed."""
    rate = {"learning_rate": float("1e30")} if kind == "diverging" else {}
    run = shop.queue_run(tenant=tenant, num_epochs=8, **rate)
    let_wait(shop.workshop.database, run)
    return run


def tensors_of(shop, run: TuneExperiment) -> dict[str, torch.Tensor]:
    found = ExperimentRepository(shop.workshop.database, run.tenant).get(run.id)
    model = TunedModelRepository(shop.workshop.database, run.tenant).get(found.tuned_model or "")
    return load(shop.workshop.artifacts.read(model.artifact, TENSORS_FILE))


def kill_at_random(shop, log: Path, *, kills: int, seed: int) -> None:
    """Kill workers again and again while runs of two tenants are tuned together, and check every run in the end."""
    settings = shop.workshop.settings.model_copy(update={"lease_seconds": 1.0, "checkpoint_seconds": 0.02})
    chance, runs, done, workers = random.Random(seed), dict[str, tuple[TuneExperiment, str]](), 0, 0
    undisturbed = queue_run(shop, "alone", "sound")
    finish(settings, log)
    while done < kills:
        unfinished = [run for run, _ in runs.values() if not ended(shop, run)]
        for _ in range(4 - len(unfinished)):
            kind = chance.choice(["sound", "sound", "sound", "diverging", "cancelled"])
            run = queue_run(shop, chance.choice(["acme", "other"]), kind)
            runs[run.id] = (run, kind)
        workers += 1
        name = f"w{workers}."
        worker = start(settings, log, name, Kill.at_random(chance))
        wait_until(lambda worker=worker, name=name: not worker.is_alive() or name in log.read_text())
        worker.join(chance.uniform(0.1, 4.0))
        for run, kind in runs.values():
            if kind == "cancelled" and not ended(shop, run) and chance.random() < 0.5:
                ExperimentRepository(shop.workshop.database, run.tenant).request_cancel(run.id)
        if worker.is_alive():
            worker.kill()
            worker.join(60)
        done += worker.exitcode == -signal.SIGKILL
    for run, kind in runs.values():
        if kind == "cancelled" and not ended(shop, run):
            ExperimentRepository(shop.workshop.database, run.tenant).request_cancel(run.id)
    finish(settings, log)
    check(shop, log, undisturbed, list(runs.values()))


def ended(shop, run: TuneExperiment) -> bool:
    return ExperimentRepository(shop.workshop.database, run.tenant).get(run.id).state.ended


def finish(settings: Settings, log: Path) -> None:
    """Tune all remaining runs in a worker that is not killed."""
    worker = start(settings, log, "last", Kill())
    worker.join(300)
    assert worker.exitcode == 0


def check(shop, log: Path, undisturbed: TuneExperiment, runs: list[tuple[TuneExperiment, str]]) -> None:
    expected = tensors_of(shop, undisturbed)
    for run, kind in runs:
        found = ExperimentRepository(shop.workshop.database, run.tenant).get(run.id, after_sequence=0)
        if kind == "cancelled" and found.state is SUCCEEDED:
            continue  # it ended before the request
        assert found.state in ENDS[kind], f"{kind} ended as {found.state} with {found.failure}"
        if kind == "diverging":
            assert found.failure is not None
            assert found.failure.reason == "TUNING_DIVERGED"
        if kind == "sound":
            assert [point.step for point in found.snapshots] == [*range(1, STEPS + 1)], "updates were lost or repeated"
            for name, tensor in tensors_of(shop, run).items():
                torch.testing.assert_close(tensor, expected[name], atol=BOUND, rtol=BOUND)
    written = log.read_text()
    assert '"beside": 2' in written, "no three runs were tuned together"
    for event in ("checkpoint_unusable", "checkpoint_corrupt", "company_left", "experiment_crashed"):
        assert f'"event": "{event}"' not in written


def test_runs_of_a_company_survive_kills_at_random_moments(shop, tmp_path):
    kill_at_random(shop, tmp_path / "log", kills=2, seed=5)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_runs_of_companies_survive_fifty_kills_at_random_moments(shop, tmp_path):
    kill_at_random(shop, tmp_path / "log", kills=50, seed=random.randrange(10**6))
