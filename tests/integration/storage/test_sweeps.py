"""Sweeps in the database: their trials, the state that follows from them, and the stops of weak ones."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from sqlalchemy import event

from factories.stored import (
    beat,
    make_evaluation,
    make_snapshot,
    make_tuned_model,
    store_dataset,
    store_experiment,
)
from factories.stored_sweeps import RATES, store_sweep
from foreword.domain.experiment import Phase, Progress
from foreword.domain.failure import Failure
from foreword.domain.job import JobState
from foreword.domain.resource_view import ResourceView
from foreword.domain.sweep import TuneSweep
from foreword.domain.sweep_outcome import SweepState
from foreword.errors import AlreadyExistsError, ExhaustedError, FailedPreconditionError, NotFoundError
from foreword.storage.jobs.leases import Lease
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.requests import RequestKey
from foreword.storage.repositories.sweeps import SweepRepository
from foreword.storage.workers.queue import JobQueue

MINUTE = timedelta(minutes=1)
FULL = ListRequest(view=ResourceView.FULL)
FAILURE = Failure(kind="internal", reason="INTERNAL", message="It broke.")


def end_epoch(queue: JobQueue, lease: Lease, epoch: int, metric: float, *, total_epochs: int = 0) -> None:
    snapshot = dataclasses.replace(
        make_snapshot(epoch * 10), epoch=float(epoch), validation_loss=1 - metric, validation_metric=metric
    )
    progress = Progress(phase=Phase.TUNING, epoch=float(epoch), total_epochs=total_epochs)
    beat(queue, lease, duration=MINUTE, progress=progress, snapshots=[snapshot])


def succeed(queue: JobQueue, lease: Lease, model: str = "model-1") -> None:
    queue.succeed(
        lease,
        tuned_model=make_tuned_model(lease.experiment, model),
        evaluations=[make_evaluation()],
        curve_advice="",
        compute_seconds=9.0,
    )


def states(database, sweep: TuneSweep) -> list[JobState]:
    return [trial.state for trial in SweepRepository(database, "acme").get(sweep.id).trials]


def test_a_sweep_has_its_trials_in_order_and_each_is_an_experiment(database):
    sweep = store_sweep(database)

    assert SweepRepository(database, "acme").get(sweep.id) == sweep
    assert (sweep.display_name, sweep.state, sweep.best, sweep.tuned_model) == (
        "Sweep (1)",
        SweepState.QUEUED,
        None,
        None,
    )
    assert [trial.trial.values for trial in sweep.trials] == [{"learning_rate": rate} for rate in RATES]
    experiments = ExperimentRepository(database, "acme")
    trial = experiments.get(sweep.trials[2].experiment)
    assert trial.trial == sweep.trials[2].trial
    assert trial.display_name == "Sweep (1) trial 3"
    store_experiment(database)
    of_sweep = experiments.list(ListRequest(filter=f'tune_sweep = "{sweep.id}"')).items
    assert {item.id for item in of_sweep} == {item.experiment for item in sweep.trials}
    assert JobQueue(database).lease("w", MINUTE).experiment.id == sweep.trials[0].experiment


def test_trials_get_the_tags_of_their_sweep(database):
    sweep = store_sweep(database, tags={"team": "billing"})

    trials = ExperimentRepository(database, "acme").list(ListRequest(filter=f"tune_sweep = {sweep.id}")).items
    assert SweepRepository(database, "acme").get(sweep.id).tags == {"team": "billing"}
    assert [trial.tags for trial in trials] == [{"team": "billing"}] * 4


def test_weak_trials_are_stopped_as_soon_as_enough_others_are_better(database):
    sweep, queue, sweeps = store_sweep(database), JobQueue(database), SweepRepository(database, "acme")
    leases = [queue.lease("w", MINUTE) for _ in RATES]

    end_epoch(queue, leases[0], 1, 0.1)
    end_epoch(queue, leases[1], 1, 0.4)
    assert not sweeps.stop_weak_trials(sweep.id)

    end_epoch(queue, leases[2], 1, 0.3)
    assert len(sweeps.stop_weak_trials(sweep.id)) == 1
    assert not sweeps.stop_weak_trials(sweep.id)
    assert beat(queue, leases[0], duration=MINUTE)  # it is cancelled
    queue.cancelled(leases[0], compute_seconds=1.0)
    stopped = sweeps.get(sweep.id).trials[0]
    assert (stopped.state, stopped.failure.reason) == (JobState.CANCELLED, "TRIAL_STOPPED")
    assert "at epoch 1, 2 others were better" in stopped.failure.message
    assert (stopped.score.metric, stopped.score.epoch) == (0.1, 1)

    end_epoch(queue, leases[3], 1, 0.2)
    assert len(sweeps.stop_weak_trials(sweep.id)) == 1
    end_epoch(queue, leases[1], 2, 0.5)
    end_epoch(queue, leases[2], 2, 0.6)
    assert len(sweeps.stop_weak_trials(sweep.id)) == 1
    assert states(database, sweep) == [
        JobState.CANCELLED,
        JobState.CANCELLING,
        JobState.RUNNING,
        JobState.CANCELLING,
    ]


def test_a_trial_whose_tuning_is_over_is_not_stopped_by_others_that_are_better_later(database):
    sweep, queue, sweeps = store_sweep(database), JobQueue(database), SweepRepository(database, "acme")
    leases = [queue.lease("w", MINUTE) for _ in RATES]
    for lease, metric in zip(leases, (0.1, 0.2, 0.3), strict=False):
        # Their tuning ends after one epoch; the fourth trial has three.
        end_epoch(queue, lease, 1, metric, total_epochs=1)
    for lease, phase in zip(leases, (Phase.REFITTING, Phase.EVALUATING, Phase.WAITING), strict=False):
        beat(queue, lease, duration=MINUTE, progress=Progress(phase=phase, epoch=1.0, total_epochs=1))
    end_epoch(queue, leases[3], 1, 0.8, total_epochs=3)
    end_epoch(queue, leases[3], 2, 0.9, total_epochs=3)

    assert not sweeps.stop_weak_trials(sweep.id)
    assert set(states(database, sweep)) == {JobState.RUNNING}


def test_a_trial_is_stopped_at_the_end_of_its_last_epoch_before_it_is_refitted(database):
    sweep, queue, sweeps = store_sweep(database), JobQueue(database), SweepRepository(database, "acme")
    leases = [queue.lease("w", MINUTE) for _ in RATES]
    for epoch, metric in ((1, 0.8), (2, 0.9)):
        end_epoch(queue, leases[3], epoch, metric, total_epochs=3)

    end_epoch(queue, leases[0], 1, 0.1, total_epochs=1)  # it keeps this score at the rung of epoch 2

    assert sweeps.stop_weak_trials(sweep.id) == [sweep.trials[0].experiment]


def test_the_best_trial_with_a_model_is_the_result_once_all_have_ended(database):
    sweep, queue, sweeps = store_sweep(database), JobQueue(database), SweepRepository(database, "acme")
    leases = [queue.lease("w", MINUTE) for _ in RATES]
    for lease, metric in zip(leases, (0.9, 0.2, 0.6, 0.3), strict=True):
        end_epoch(queue, lease, 1, metric)
    assert sweeps.get(sweep.id).best.trial.number == 1

    queue.fail(leases[0], FAILURE, 1.0)
    for number in (1, 2):
        succeed(queue, leases[number], f"model-{number}")
    running = sweeps.get(sweep.id)
    assert (running.state, running.best.trial.number, running.tuned_model) == (SweepState.RUNNING, 3, None)

    queue.fail(leases[3], FAILURE, 1.0)
    ended = sweeps.get(sweep.id)
    assert (ended.state, ended.best.trial.number, ended.tuned_model) == (SweepState.SUCCEEDED, 3, "model-2")
    assert ended.outcome.compute_seconds == 20.0
    assert ended.outcome.end_time is not None


def test_a_sweep_fails_if_all_of_its_trials_do(database):
    sweep, queue = store_sweep(database), JobQueue(database)
    while (lease := queue.lease("w", MINUTE)) is not None:
        queue.fail(lease, FAILURE, 1.0)

    assert SweepRepository(database, "acme").get(sweep.id).state is SweepState.FAILED


def test_a_cancelled_sweep_ends_its_trials_and_can_be_cancelled_again(database):
    sweep, queue, sweeps = store_sweep(database), JobQueue(database), SweepRepository(database, "acme")
    lease = queue.lease("w", MINUTE)

    assert sweeps.request_cancel(sweep.id).state is SweepState.CANCELLING
    with pytest.raises(FailedPreconditionError, match="Cancel it and wait"):
        sweeps.delete(sweep.id)
    assert beat(queue, lease, duration=MINUTE)
    queue.cancelled(lease, compute_seconds=1.0)

    assert sweeps.request_cancel(sweep.id).state is SweepState.CANCELLED
    assert set(states(database, sweep)) == {JobState.CANCELLED}


def test_a_deleted_sweep_takes_its_trials_with_it(database):
    sweep, sweeps = store_sweep(database), SweepRepository(database, "acme")
    sweeps.request_cancel(sweep.id)

    assert len(sweeps.delete(sweep.id)) == 4

    with pytest.raises(NotFoundError):
        sweeps.get(sweep.id)
    assert ExperimentRepository(database, "acme").list().items == ()
    assert (sweeps.rungs(sweep.id), sweeps.stop_weak_trials(sweep.id)) == ((), ())


def test_a_trial_is_not_deleted_without_its_sweep(database):
    sweep, experiments = store_sweep(database), ExperimentRepository(database, "acme")
    SweepRepository(database, "acme").request_cancel(sweep.id)

    with pytest.raises(FailedPreconditionError, match="Delete the sweep") as caught:
        experiments.delete(sweep.trials[0].experiment)

    assert caught.value.reason == "TRIAL_OF_SWEEP"
    assert experiments.get(sweep.trials[0].experiment).trial is not None


def test_a_resumed_trial_forgets_the_scores_of_the_epochs_that_it_repeats(database):
    sweep, queue, sweeps = store_sweep(database), JobQueue(database), SweepRepository(database, "acme")
    lease = queue.lease("w", MINUTE)
    for epoch, metric in ((1, 0.5), (2, 0.9)):
        end_epoch(queue, lease, epoch, metric)
    assert sweeps.get(sweep.id).best.score.metric == 0.9

    queue.rewind(lease, 10, resumed_step=10)
    assert sweeps.get(sweep.id).best.score.metric == 0.5

    queue.rewind(lease, 0, resumed_step=0)
    assert sweeps.get(sweep.id).best is None


def test_a_trial_that_its_sweep_stops_while_it_stores_its_end_has_no_reason_for_a_stop(database):
    sweep, queue, sweeps = store_sweep(database), JobQueue(database), SweepRepository(database, "acme")
    leases = [queue.lease("w", MINUTE) for _ in RATES]
    for lease, metric in zip(leases, (0.1, 0.4, 0.3, 0.2), strict=True):
        end_epoch(queue, lease, 1, metric)
    assert len(sweeps.stop_weak_trials(sweep.id)) == 2

    succeed(queue, leases[0])

    trial = sweeps.get(sweep.id).trials[0]
    assert (trial.state, trial.failure) == (JobState.SUCCEEDED, None)


def test_an_ended_sweep_cannot_be_cancelled(database):
    sweep, queue = store_sweep(database), JobQueue(database)
    while (lease := queue.lease("w", MINUTE)) is not None:
        queue.fail(lease, FAILURE, 1.0)

    with pytest.raises(FailedPreconditionError, match="has already failed"):
        SweepRepository(database, "acme").request_cancel(sweep.id)


def test_all_trials_must_have_room_in_the_queue(database):
    with pytest.raises(ExhaustedError, match="the sweep has 4 trials; the quota queued_jobs of tenants/acme is 3"):
        store_sweep(database, max_queued=3)

    assert ExperimentRepository(database, "acme").list().items == ()


def test_a_repeated_request_makes_one_sweep_and_an_id_is_taken_once(database):
    request = RequestKey(rpc="CreateTuneSweep", request_id="r", fingerprint="f")
    first = store_sweep(database, request=request, id="mine")

    assert store_sweep(database, request=request) == first
    assert SweepRepository(database, "acme").find_replayed(request) == first
    with pytest.raises(AlreadyExistsError, match="already exists"):
        store_sweep(database, id="mine")


def test_another_tenant_sees_no_sweep(database):
    sweep = store_sweep(database)
    store_dataset(database, "other")
    others = SweepRepository(database, "other")

    assert others.list().items == ()
    for call in (others.get, others.request_cancel, others.delete):
        with pytest.raises(NotFoundError):
            call(sweep.id)
    assert SweepRepository(database, "acme").list(FULL).items == (sweep,)


def test_a_basic_list_leaves_out_the_trials_and_has_the_outcome_that_follows_from_them(database):
    first, second = store_sweep(database), store_sweep(database)
    queue, sweeps = JobQueue(database), SweepRepository(database, "acme")
    leases = [queue.lease("w", MINUTE) for _ in RATES]
    for lease, metric in zip(leases, (0.9, 0.2, 0.6, 0.6), strict=True):
        end_epoch(queue, lease, 1, metric)
    queue.fail(leases[0], FAILURE, 1.0)
    for number, lease in enumerate(leases[1:]):
        succeed(queue, lease, f"model-{number}")

    basic, full = sweeps.list().items, sweeps.list(FULL).items

    assert full == (sweeps.get(second.id), sweeps.get(first.id))
    assert [sweep.trials for sweep in basic] == [(), ()]
    assert basic == tuple(dataclasses.replace(sweep, trials=()) for sweep in full)
    assert (full[1].best.trial.number, basic[1].tuned_model) == (3, "model-1")


def test_sweeps_are_found_by_the_state_and_the_times_that_follow_from_their_trials(database):
    queue, sweeps = JobQueue(database), SweepRepository(database, "acme")

    def leased(name: str) -> list[Lease]:
        """Store a sweep, and lease all of its trials."""
        store_sweep(database, display_name=name)
        return [queue.lease("w", MINUTE) for _ in RATES]

    for lease in leased("failed"):
        queue.fail(lease, FAILURE, 1.0)
    for number, lease in enumerate(leased("succeeded")):
        end_epoch(queue, lease, 1, 0.5)
        if number:
            queue.fail(lease, FAILURE, 1.0)
        else:
            succeed(queue, lease)
    sweeps.request_cancel(store_sweep(database, display_name="cancelled").id)
    leased("cancelling")
    sweeps.request_cancel(sweeps.list(ListRequest(filter="display_name : cancelling")).items[0].id)
    queue.fail(leased("running")[0], FAILURE, 1.0)
    store_sweep(database, display_name="queued")

    def found(filter: str, order_by: str = "") -> list[str]:
        items = sweeps.list(ListRequest(filter=filter, order_by=order_by)).items
        return [item.display_name.removesuffix(" (1)") for item in items]

    for state in SweepState:
        assert found(f"state = {state.name}") == [state.value]
        (item,) = sweeps.list(ListRequest(filter=f"state = {state.name}")).items
        assert item.state is state
    assert found("state != RUNNING AND state != STATE_QUEUED") == ["cancelling", "cancelled", "succeeded", "failed"]
    assert found('end_time < "2100-01-01T00:00:00Z"') == ["cancelled", "succeeded", "failed"]
    times = {item.display_name: item.outcome.update_time for item in sweeps.list().items}
    by_time = sweeps.list(ListRequest(order_by="update_time desc, create_time desc", page_size=3))
    rest = sweeps.list(
        ListRequest(order_by="update_time desc, create_time desc", page_size=3, page_token=by_time.next_page_token)
    )
    ordered = [item.display_name for item in by_time.items + rest.items]
    assert ordered == sorted(times, key=lambda name: times[name], reverse=True)


def test_sqlite_reads_no_more_jobs_and_experiments_for_a_list_than_its_sweeps_have(database):
    if not database.is_sqlite:
        pytest.skip("the plans of PostgreSQL depend on statistics")
    store_sweep(database)
    statements: list[tuple[str, object]] = []
    with database.read() as session:
        engine = session.get_bind()

    def note(connection, cursor, statement, parameters, context, executemany):
        statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    SweepRepository(database, "acme").list(ListRequest(filter="state = QUEUED", order_by="update_time"))
    SweepRepository(database, "acme").list(FULL)
    event.remove(engine, "before_cursor_execute", note)

    with database.read() as session:
        steps = [
            row[3]
            for statement, parameters in statements
            if statement.startswith("SELECT")
            for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    of_jobs = [step for step in steps if " jobs " in step]
    of_trials = [step for step in steps if " tune_experiments " in step]
    assert of_jobs
    assert all("resource=?" in step for step in of_jobs)
    assert of_trials
    assert all("sweep=?" in step for step in of_trials)
