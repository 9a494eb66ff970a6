"""Sweeps at a worker: trials are tuned together, weak ones are stopped, and the best ends with a tuned model."""

from __future__ import annotations

import dataclasses
import random
import signal
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from factories.forked import fork_context
from factories.logs import captured_logs
from factories.runs import make_parameters, make_plan_of, make_rows
from factories.stored import let_wait, make_config, make_snapshot
from factories.tuning_process import Kill, tune
from factories.waiting import wait_until
from factories.workers import StopWhenIdle
from foreword.domain.experiment import Phase, Progress
from foreword.domain.halving import make_rungs
from foreword.domain.job import JobState
from foreword.domain.parameters import TuneParameters
from foreword.domain.sweep import TRIAL_STOPPED, Search, SearchSpace, SweptParameter, TuneSweep
from foreword.domain.sweep_outcome import SweepState
from foreword.scheduling.heartbeat import Heartbeats, RunCancelledError
from foreword.scheduling.runs.trial import TrialComparison
from foreword.scheduling.worker import Worker
from foreword.storage.repositories.evaluations import EvaluationRepository
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.sweeps import PlannedTrial, SweepRepository
from foreword.tuning.planning.sweep_plan import plan_sweep

RATES = (1e-8, 0.3, 1e-7, 0.1, 1e-6, 0.03)
NUM_EPOCHS = 8


def queue_sweep(shop, rates: Sequence[float] = RATES, *, halving: bool = True, **parameters: object) -> TuneSweep:
    """Queue a sweep over learning rates whose trials need not wait for a free worker."""
    rows = make_rows(24)
    config = dataclasses.replace(
        make_config(shop.store_rows(rows).id),
        base_model="tiny--bart",
        task="classification",
        verbalizer="{{input}}",
        parameters=TuneParameters(),
        evaluate_base=False,
    )
    plans = [
        make_plan_of(rows, make_parameters(num_epochs=NUM_EPOCHS, learning_rate=rate, **parameters)) for rate in rates
    ]
    plan = dataclasses.replace(plan_sweep(plans, halving=halving, main_metric="exact_match"), validation_row_count=6)
    sweep = SweepRepository(shop.workshop.database, "acme").create(
        display_name="Sweep",
        description="",
        config=config,
        space=SearchSpace(
            parameters=(SweptParameter(name="learning_rate", values=tuple(rates)),),
            search=Search.GRID,
            max_combinations=64,
            num_seeds=1,
            seed=0,
            halving=halving,
        ),
        plan=plan,
        trials=[
            PlannedTrial(values={"learning_rate": rate}, config=config, plan=plan)
            for rate, plan in zip(rates, plans, strict=True)
        ],
        creator="key-1",
        max_queued=100,
    )
    experiments = ExperimentRepository(shop.workshop.database, "acme")
    for trial in sweep.trials:
        let_wait(shop.workshop.database, experiments.get(trial.experiment))
    return sweep


def get(shop, sweep: TuneSweep) -> TuneSweep:
    return SweepRepository(shop.workshop.database, "acme").get(sweep.id)


def work(shop, **changes: object) -> list[str]:
    """Run a worker until the queue is empty, and return the events of its log."""
    settings = shop.workshop.settings.model_copy(update=changes)
    with captured_logs() as logs:
        Worker(dataclasses.replace(shop.workshop, settings=settings)).run(StopWhenIdle())
    return [str(entry["event"]) for entry in logs]


def check(sweep: TuneSweep) -> None:
    """Check the end of a sweep of which nothing was cancelled."""
    assert sweep.state is SweepState.SUCCEEDED
    assert sweep.best is not None
    assert sweep.tuned_model == sweep.best.tuned_model
    succeeded = [trial for trial in sweep.trials if trial.state is JobState.SUCCEEDED]
    stopped = [trial for trial in sweep.trials if trial.state is JobState.CANCELLED]
    assert len(succeeded) + len(stopped) == len(sweep.trials)
    assert 1 <= len(succeeded) <= sweep.plan.rungs[-1].keep
    assert {trial.failure.reason for trial in stopped if trial.failure} == {TRIAL_STOPPED}
    assert all(trial.score is not None for trial in sweep.trials)


def test_trials_that_are_stopped_leave_an_evaluation_beside_them_alone(shop):
    sweep = queue_sweep(shop)
    evaluation = shop.queue_evaluation()
    let_wait(shop.workshop.database, evaluation)

    events = work(shop)

    check(get(shop, sweep))
    assert "experiment_crashed" not in events
    assert EvaluationRepository(shop.workshop.database, "acme").get(evaluation.id).state is JobState.SUCCEEDED


def test_trials_are_tuned_together_and_one_remains(shop):
    sweep = queue_sweep(shop)

    events = work(shop)

    ended = get(shop, sweep)
    check(ended)
    assert ended.plan.rungs == make_rungs(len(RATES), NUM_EPOCHS)
    assert events.count("base_model_loaded") == 1
    epochs = sorted(round(trial.progress.epoch) for trial in ended.trials)
    assert epochs[-1] == NUM_EPOCHS
    assert sum(epochs) < NUM_EPOCHS * len(RATES) / 2
    assert ended.best.trial.values["learning_rate"] >= 0.03  # the others are too small to learn anything


def test_a_stopped_trial_of_this_worker_ends_without_another_heartbeat(shop):
    queue_sweep(shop, RATES[:3])
    queue = shop.workshop.queue
    leases = [queue.lease("w", timedelta(minutes=1)) for _ in range(3)]
    heartbeats = Heartbeats(queue, duration=timedelta(minutes=1), stop=threading.Event(), clock=lambda: 0.0)
    with ExitStack() as held:
        runs = [held.enter_context(heartbeats.of(lease)) for lease in leases]
        comparison = TrialComparison(shop.workshop.database, leases[0].experiment, runs[0].note_stopped)
        comparison.begin(NUM_EPOCHS)
        for run, metric in zip(runs, (0.9, 0.2, 0.1), strict=True):
            run.note(
                Progress(phase=Phase.TUNING, epoch=2.0, total_epochs=NUM_EPOCHS),
                [dataclasses.replace(make_snapshot(1), epoch=2.0, validation_loss=0.5, validation_metric=metric)],
            )
        heartbeats.renew()

        comparison.compare()

        for kept in runs[:2]:
            kept.check()
        with pytest.raises(RunCancelledError):
            runs[2].check()


def test_trials_that_wait_for_a_place_are_stopped_as_well(shop):
    sweep = queue_sweep(shop)

    work(shop, max_runs_per_worker=2)

    check(get(shop, sweep))


def test_only_the_trial_that_remains_is_refitted(shop):
    sweep = queue_sweep(shop, refit=True)

    work(shop)

    check(get(shop, sweep))
    experiments = ExperimentRepository(shop.workshop.database, "acme")
    refitted = [
        trial.trial.number
        for trial in sweep.trials
        if any(
            point.phase.value == "refitting" for point in experiments.get(trial.experiment, after_sequence=0).snapshots
        )
    ]
    assert refitted == [get(shop, sweep).best.trial.number]


def test_without_halving_all_trials_end(shop):
    sweep = queue_sweep(shop, RATES[:3], halving=False)

    work(shop)

    assert {trial.state for trial in get(shop, sweep).trials} == {JobState.SUCCEEDED}


def test_a_trial_that_diverges_does_not_end_the_sweep(shop):
    sweep = queue_sweep(shop, (float("1e30"), 0.1, 0.3))

    work(shop)

    ended = get(shop, sweep)
    assert ended.state is SweepState.SUCCEEDED
    assert ended.trials[0].failure.reason == "TUNING_DIVERGED"


def kill_at_random(shop, log: Path, *, kills: int, seed: int) -> None:
    """Kill workers again and again while they tune the trials of a sweep, and check the sweep in the end."""
    settings = shop.workshop.settings.model_copy(update={"lease_seconds": 1.0, "checkpoint_seconds": 0.02})
    chance, done, workers = random.Random(seed), 0, 0
    sweeps = [queue_sweep(shop)]
    log.touch()
    while done < kills:
        if get(shop, sweeps[-1]).state.ended:
            sweeps.append(queue_sweep(shop))
        workers += 1
        name = f"w{workers}."
        worker = fork_context().Process(target=tune, args=(settings, log, name, Kill.at_random(chance)), daemon=True)
        worker.start()
        wait_until(lambda worker=worker, name=name: not worker.is_alive() or name in log.read_text())
        worker.join(chance.uniform(0.1, 4.0))
        if worker.is_alive():
            worker.kill()
            worker.join(60)
        done += worker.exitcode == -signal.SIGKILL
    last = fork_context().Process(target=tune, args=(settings, log, "last", Kill()), daemon=True)
    last.start()
    last.join(300)
    assert last.exitcode == 0
    for sweep in sweeps:
        check(get(shop, sweep))


def test_a_sweep_survives_kills_at_random_moments(shop, tmp_path):
    kill_at_random(shop, tmp_path / "log", kills=2, seed=7)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_sweeps_survive_many_kills_at_random_moments(shop, tmp_path):
    kill_at_random(shop, tmp_path / "log", kills=30, seed=8)
