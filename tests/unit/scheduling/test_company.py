"""Runs that a worker tunes together: they join, end and fail one by one, and each pays as if it were alone."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points

import pytest
from sqlalchemy import update

from factories.logs import captured_logs
from factories.runs import make_rows
from factories.serving import TinyBaseModel
from factories.stored import MOMENT, let_wait
from factories.tiny_models import tiny_model
from factories.waiting import wait_until
from factories.workers import StopWhenIdle
from foreword.domain.experiment import Phase, TuneExperiment
from foreword.domain.job import JobState
from foreword.domain.machine_speed import Machine
from foreword.errors import UnavailableError
from foreword.plugin.manager import PluginManager
from foreword.scheduling.worker import Worker
from foreword.storage.artifacts.checkpoints import CheckpointStore
from foreword.storage.artifacts.keys import checkpoints_key
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.tables import JobRow
from foreword.storage.workers.machine_speeds import MachineSpeeds
from foreword.storage.workers.queue import JobQueue
from foreword.tuning.batches import encode_rows
from foreword.turns.slices import SlicedWork
from foreword_tasks.classification import Classification

BART = Machine(base_model="tiny--bart", device="cpu", dtype="float32")


def queue_runs(shop, *tenants: str, **parameters: object) -> list[TuneExperiment]:
    """Queue a run of each tenant that no other worker is free for."""
    runs = [shop.queue_run(tenant=tenant, **parameters) for tenant in tenants]
    for run in runs:
        let_wait(shop.workshop.database, run)
    return runs


def work(shop, failpoint: Callable[[str], None] = lambda _: None, **changes: object) -> list[tuple[str, str]]:
    """Run a worker until the queue is empty, and return its log as event and experiment."""
    queue = JobQueue(shop.workshop.database, failpoint=failpoint)
    settings = shop.workshop.settings.model_copy(update=changes)
    with captured_logs() as logs:
        Worker(dataclasses.replace(shop.workshop, queue=queue, settings=settings)).run(StopWhenIdle())
    return [(entry["event"], entry["experiment"]) for entry in logs if "experiment" in entry]


def at(heartbeat: int, call: Callable[[], object]) -> Callable[[str], None]:
    """Return a failpoint that runs `call` after the n-th heartbeat that a run or the worker's loop sends."""
    passed = [0]

    def failpoint(name: str) -> None:
        if name == "queue.heartbeat.after_commit" and threading.current_thread().name != "heartbeat":
            passed[0] += 1
            if passed[0] == heartbeat:
                call()

    return failpoint


def once_updated(shop, runs: Sequence[TuneExperiment], call: Callable[[], object]) -> Callable[[str], None]:
    """Return a failpoint that runs `call` once, after the heartbeat that records the first update of the last run."""
    called: list[str] = []

    def failpoint(name: str) -> None:
        of_a_run = name == "queue.heartbeat.after_commit" and threading.current_thread().name != "heartbeat"
        if of_a_run and not called and all(get(shop, run).snapshots for run in runs):
            called.append(name)
            call()

    return failpoint


def get(shop, run: TuneExperiment) -> TuneExperiment:
    return ExperimentRepository(shop.workshop.database, run.tenant).get(run.id, after_sequence=0)


def states(shop, runs: Sequence[TuneExperiment]) -> list[JobState]:
    return [get(shop, run).state for run in runs]


def steps(shop, run: TuneExperiment) -> list[int]:
    return [point.step for point in get(shop, run).snapshots]


def test_runs_of_several_tenants_are_tuned_together_to_their_ends(shop):
    runs = queue_runs(shop, "acme", "other", "acme")
    runs += queue_runs(shop, "other", num_epochs=1, num_virtual_tokens=7, learning_rate=0.01, batch_size=2)

    log = work(shop)

    assert {event for event, _ in log[:4]} == {"experiment_leased"}
    assert states(shop, runs) == [JobState.SUCCEEDED] * 4
    assert [steps(shop, run) for run in runs[:3]] == [[1, 2, 3, 4, 5, 6]] * 3
    checkpoints = shop.workshop.checkpoints
    assert not any(checkpoints.latest_checkpoint(checkpoints_key(run.tenant, run.id, run.create_time)) for run in runs)


def test_no_more_runs_are_tuned_together_than_the_settings_allow(shop):
    runs = queue_runs(shop, "acme", "acme", "acme")

    log = work(shop, max_runs_per_worker=2)

    first_end = [event for event, _ in log].index("experiment_succeeded")
    assert [event for event, _ in log[:first_end]] == ["experiment_leased"] * 2
    assert states(shop, runs) == [JobState.SUCCEEDED] * 3


@pytest.mark.parametrize("alone", range(3))
def test_a_run_that_cannot_share_a_worker_is_tuned_alone(shop, alone):
    tenants = ("acme", "other", "third")
    runs = [run for place, tenant in enumerate(tenants) for run in queue_runs(shop, tenant, runs_alone=place == alone)]

    log = work(shop)

    begin, end = (log.index((event, runs[alone].id)) for event in ("experiment_leased", "experiment_succeeded"))
    assert end == begin + 1
    assert states(shop, runs) == [JobState.SUCCEEDED] * 3


def test_a_run_joins_a_company_that_has_begun(shop):
    (first,) = queue_runs(shop, "acme", num_epochs=6)
    joining: list[TuneExperiment] = []

    join = once_updated(shop, [first], lambda: joining.extend(queue_runs(shop, "other")))
    log = work(shop, join, turn_seconds=1e-9)

    assert log == [
        ("experiment_leased", first.id),
        ("experiment_leased", joining[0].id),
        ("experiment_succeeded", joining[0].id),
        ("experiment_succeeded", first.id),
    ]


def test_a_run_that_diverges_or_is_cancelled_or_lost_does_not_touch_the_others(shop):
    sound = queue_runs(shop, "acme", "other", num_epochs=4)
    (diverging,) = queue_runs(shop, "acme", learning_rate=float("1e30"))
    cancelled, lost = queue_runs(shop, "acme", "other", num_epochs=4)

    def disturb() -> None:
        shop.repository.request_cancel(cancelled.id)
        with shop.workshop.database.write() as session:
            session.execute(
                update(JobRow).where(JobRow.resource == lost.id).values(lease_worker="thief", lease_epoch=9)
            )

    log = work(shop, once_updated(shop, [*sound, cancelled, lost], disturb))

    assert states(shop, sound) == [JobState.SUCCEEDED] * 2
    assert [steps(shop, run) for run in sound] == [[*range(1, 13)]] * 2
    assert get(shop, diverging).failure.reason == "TUNING_DIVERGED"
    assert states(shop, [cancelled, lost]) == [JobState.CANCELLED, JobState.RUNNING]
    assert ("lease_lost", lost.id) in log


def test_a_run_that_cannot_be_prepared_fails_alone(shop):
    (missing,) = queue_runs(shop, "acme", task="no such task")
    sound = queue_runs(shop, "other", "other")

    work(shop)

    assert get(shop, missing).failure.reason == "PLUGIN_MISSING"
    assert states(shop, sound) == [JobState.SUCCEEDED] * 2


def test_a_run_joins_and_leaves_a_full_company_by_turns(shop):
    long = queue_runs(shop, "acme", "acme", num_epochs=6)
    joining: list[TuneExperiment] = []

    join = once_updated(shop, long, lambda: joining.extend(queue_runs(shop, "other")))
    log = work(shop, join, turn_seconds=1e-9, max_runs_per_worker=2)

    yielded = [id for event, id in log if event == "experiment_yielded"]
    assert yielded[0] == long[1].id
    assert log.index(("experiment_leased", joining[0].id)) == log.index(("experiment_yielded", long[1].id)) + 1
    assert states(shop, [*long, *joining]) == [JobState.SUCCEEDED] * 3
    assert [steps(shop, run) for run in long] == [[*range(1, 19)]] * 2  # no update was made twice


def test_a_company_yields_as_a_whole_to_a_run_on_another_base_model_and_comes_back(shop):
    plugins = PluginManager(entry_points(group="foreword"), allow=("foreword:tasks", "foreword:methods"))
    plugins.base_models.add(TinyBaseModel())
    plugins.base_models.add(TinyBaseModel("t5"))
    shop = dataclasses.replace(shop, workshop=dataclasses.replace(shop.workshop, plugins=plugins))
    company = queue_runs(shop, "acme", "other", num_epochs=4)
    rivals: list[TuneExperiment] = []

    rival = once_updated(shop, company, lambda: rivals.extend(queue_runs(shop, "third", base_model="tiny--t5")))
    log = work(shop, rival, turn_seconds=1e-9)

    together = [id for event, id in log if event == "experiment_yielded"][:2]
    assert set(together) == {run.id for run in company}
    after = log[log.index(("experiment_yielded", together[1])) + 1]
    assert after == ("experiment_leased", rivals[0].id)
    assert states(shop, [*company, *rivals]) == [JobState.SUCCEEDED] * 3
    assert [steps(shop, run) for run in company] == [[*range(1, 13)]] * 2
    assert all(get(shop, run).wait_seconds > 0 for run in company)


def test_each_run_of_a_company_pays_what_it_would_have_paid_alone(shop):
    MachineSpeeds(shop.workshop.database).get(BART, lambda: 10.0)  # so slow that all other time does not count
    (alone,) = queue_runs(shop, "acme")
    work(shop)
    together = queue_runs(shop, "acme", "other", "other")

    work(shop)

    expected = get(shop, alone).compute_seconds
    assert expected > 1000
    assert [get(shop, run).compute_seconds for run in together] == [pytest.approx(expected)] * 3


def test_a_run_pays_for_all_that_its_plan_counts(shop):
    MachineSpeeds(shop.workshop.database).get(BART, lambda: 10.0)
    rows = make_rows(40)
    (run,) = queue_runs(shop, "acme", rows=rows, num_epochs=3, validation_split=0.25)
    work(shop)

    found = get(shop, run)
    model = tiny_model("bart")
    tokens = sum(row.length for row in encode_rows(
        rows, model=model, task=Classification(), plan=run.plan, verbalizer="{{input}}"
    )) / len(rows) + run.plan.parameters.num_virtual_tokens  # fmt: skip
    assert len(found.evaluations) == 1
    assert found.compute_seconds == pytest.approx(10.0 * tokens * (3 * 30 + 4 * 10 * 2.3 + 40 / 3), rel=0.05)


def test_a_run_goes_on_while_another_is_stored_slowly(shop):
    (brief,) = queue_runs(shop, "acme", num_epochs=1)
    (long,) = queue_runs(shop, "other", num_epochs=16)
    waited: list[int] = []

    def wait_for_steps(moment: str) -> None:
        if moment == "artifacts.before_rename" and not waited:
            waited.append(get(shop, long).progress.step)
            wait_until(lambda: get(shop, long).progress.step >= waited[0] + 5)

    store = ArtifactStore(shop.workshop.settings.resolved_artifacts_url, failpoint=wait_for_steps)
    Worker(dataclasses.replace(shop.workshop, artifacts=store)).run(StopWhenIdle())

    assert waited
    assert states(shop, [brief, long]) == [JobState.SUCCEEDED] * 2


def test_a_run_goes_on_while_the_checkpoint_of_its_company_is_written_slowly(shop):
    runs = queue_runs(shop, "acme", "other", num_epochs=16)
    waited: list[int] = []

    def wait_for_steps(moment: str) -> None:
        if moment == "checkpoints.before_prune" and not waited:
            waited.append(get(shop, runs[0]).progress.step)
            wait_until(lambda: all(get(shop, run).progress.step >= waited[0] + 5 for run in runs))

    settings = shop.workshop.settings.model_copy(update={"checkpoint_seconds": 1e-9})
    store = CheckpointStore(settings.resolved_artifacts_url, key=b"key", failpoint=wait_for_steps)
    Worker(dataclasses.replace(shop.workshop, settings=settings, checkpoints=store)).run(StopWhenIdle())

    assert waited
    assert states(shop, runs) == [JobState.SUCCEEDED] * 2


@pytest.mark.parametrize(("phase", "epochs", "rows"), [(Phase.LOADING, 12, 120), (Phase.EVALUATING, 14, 48)])
def test_a_run_goes_on_while_another_is_prepared_or_evaluated(shop, monkeypatch, phase, epochs, rows):
    whole = SlicedWork.run_slice
    monkeypatch.setattr(SlicedWork, "run_slice", lambda work, _: whole(work, 0.0))
    (long,) = queue_runs(shop, "acme", num_epochs=epochs)
    joining: list[TuneExperiment] = []
    seen: list[int] = []

    def look(moment: str) -> None:
        if moment != "queue.heartbeat.after_commit":
            return
        step = get(shop, long).progress.step
        if step >= 2 and not joining:
            joining.extend(queue_runs(shop, "other", num_epochs=1, rows=make_rows(rows)))
        found = get(shop, joining[0]) if joining else None
        if found is not None and found.state is JobState.RUNNING and found.progress.phase is phase:
            seen.append(step)

    work(shop, look, turn_seconds=1e-9)

    assert len(set(seen)) > 1  # it would be 1 if the worker waited for the other run
    assert states(shop, [long, *joining]) == [JobState.SUCCEEDED] * 2


def test_updates_of_a_run_without_company_refine_the_speed_of_the_machine(shop):
    speeds = MachineSpeeds(shop.workshop.database)
    estimate = speeds.get(BART, lambda: 10.0)
    queue_runs(shop, "acme", "other", num_epochs=4)
    work(shop)
    in_company = speeds.get(BART, lambda: 10.0)
    queue_runs(shop, "acme", num_epochs=12)

    work(shop)

    refined = speeds.get(BART, lambda: 10.0)
    assert in_company == estimate
    assert refined.observed_tokens > 1000
    assert 0 < refined.seconds_per_token < 1


def test_a_worker_that_stops_releases_all_runs_with_their_checkpoints(shop):
    runs, stop = queue_runs(shop, "acme", "other", num_epochs=4), StopWhenIdle()
    queue = JobQueue(shop.workshop.database, failpoint=once_updated(shop, runs, stop.set))

    Worker(dataclasses.replace(shop.workshop, queue=queue)).run(stop)
    before = [get(shop, run) for run in runs]
    log = work(shop)

    assert [run.state for run in before] == [JobState.RUNNING] * 2
    assert all(run.snapshots for run in before)
    assert states(shop, runs) == [JobState.SUCCEEDED] * 2
    assert [get(shop, run).snapshots[: len(old.snapshots)] for run, old in zip(runs, before, strict=True)] == [
        old.snapshots for old in before
    ]
    assert log[0][0] == "experiment_leased"


@pytest.mark.parametrize("heartbeat", range(3, 9))
def test_a_run_whose_worker_dies_between_an_update_and_its_checkpoint_records_every_update_once(shop, heartbeat):
    def die() -> None:
        raise KeyboardInterrupt

    (run,) = queue_runs(shop, "acme")
    with pytest.raises(KeyboardInterrupt):
        work(shop, at(heartbeat, die), checkpoint_seconds=1e-9)
    with shop.workshop.database.write() as session:
        session.execute(update(JobRow).values(lease_expire_time=MOMENT))
    work(shop)

    assert states(shop, [run]) == [JobState.SUCCEEDED]
    assert steps(shop, run) == [1, 2, 3, 4, 5, 6]


def test_runs_whose_database_was_away_for_a_moment_are_put_off_and_end(shop):
    def away() -> None:
        raise UnavailableError("The database cannot be reached.")

    runs = queue_runs(shop, "acme", "other")
    work(shop, once_updated(shop, runs, away))
    left = states(shop, runs)
    with shop.workshop.database.write() as session:
        session.execute(update(JobRow).values(lease_expire_time=MOMENT))
    work(shop)

    assert left == [JobState.RUNNING] * 2
    assert states(shop, runs) == [JobState.SUCCEEDED] * 2
