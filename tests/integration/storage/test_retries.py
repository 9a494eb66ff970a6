"""Retries in the database: what is taken over, and what cannot be repeated."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from factories.stored import beat, make_snapshot, make_tuned_model, store_dataset, store_experiment
from factories.stored_sweeps import store_sweep
from foreword.domain.experiment import TuneExperiment
from foreword.domain.failure import Failure
from foreword.domain.job import JobState
from foreword.errors import ExhaustedError, FailedPreconditionError, ForewordError, NotFoundError
from foreword.storage.database import Database
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.experiment_retries import ExperimentRetries
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.requests import RequestKey
from foreword.storage.repositories.sweeps import SweepRepository
from foreword.storage.workers.queue import JobQueue

MINUTE = timedelta(minutes=1)
FAILURE = Failure(kind="internal", reason="INTERNAL", message="It broke.")


def fail(database: Database, *steps: int, **fields: Any) -> TuneExperiment:
    """Store an experiment that has failed after these points of its learning curve."""
    experiment = store_experiment(database, **fields)
    queue = JobQueue(database)
    lease = queue.lease("w", MINUTE)
    assert lease is not None
    assert lease.experiment.id == experiment.id
    beat(queue, lease, duration=MINUTE, snapshots=[make_snapshot(step) for step in steps], compute_seconds=5.0)
    queue.fail(lease, FAILURE, 7.0)
    return ExperimentRepository(database, "acme").get(experiment.id, after_sequence=0)


def retry(database: Database, first: str, **options: Any) -> TuneExperiment:
    defaults = {
        "id": database.new_id(), "create_time": database.now(), "resumed_step": 0, "creator": "key-2", "max_queued": 9,
    }  # fmt: skip
    return ExperimentRetries(database, "acme").create(first, **{**defaults, **options})


def test_a_retry_takes_over_the_run_and_the_curve_up_to_its_checkpoint_but_no_cost(database: Database) -> None:
    first = fail(database, 1, 2, 3, 4, display_name="v1 (1)", description="old", tags={"team": "billing"})

    made = retry(database, first.id, resumed_step=3)

    experiments = ExperimentRepository(database, "acme")
    found = experiments.get(made.id, after_sequence=0)
    assert (found.config, found.plan, found.description, found.tags) == (
        first.config,
        first.plan,
        first.description,
        first.tags,
    )
    assert (found.display_name, found.state, found.creator) == ("v1 (1) (2)", JobState.QUEUED, "key-2")
    assert (found.retry_of, found.resumed_step, found.compute_seconds) == (first.id, 3, 0.0)
    assert found.snapshots == first.snapshots[:3]
    assert found.last_sequence == 3
    assert experiments.get(first.id, after_sequence=0) == first
    assert [item.id for item in experiments.list(ListRequest(filter=f"retry_of = {first.id}")).items] == [made.id]


def test_a_run_can_be_retried_again_and_so_can_its_retry(database: Database) -> None:
    first = fail(database, 1)
    second = retry(database, first.id)
    third = retry(database, first.id)
    ExperimentRepository(database, "acme").request_cancel(second.id)

    fourth = retry(database, second.id)

    assert [run.retry_of for run in (second, third, fourth)] == [first.id, first.id, second.id]
    assert [run.display_name for run in (first, second, third, fourth)] == [f"Tuning ({n})" for n in (1, 2, 3, 4)]


def test_a_repeated_request_makes_one_retry(database: Database) -> None:
    first = fail(database)
    request = RequestKey(rpc="RetryTuneExperiment", request_id="r", fingerprint="f")

    made = retry(database, first.id, request=request)
    again = retry(database, first.id, request=request)
    ExperimentRepository(database, "acme").request_cancel(made.id)
    ExperimentRepository(database, "acme").delete(made.id)

    assert again == made
    with pytest.raises(NotFoundError, match="new request_id"):
        retry(database, first.id, request=request)


def test_runs_that_cannot_be_repeated_are_refused_with_reason_and_remedy(database: Database) -> None:
    experiments, queue = ExperimentRepository(database, "acme"), JobQueue(database)
    without_rows = fail(database, dataset=store_dataset(database).id)
    DatasetRepository(database, "acme").delete(without_rows.config.dataset)
    without_held_out_rows = fail(database, validation_dataset=store_dataset(database).id)
    DatasetRepository(database, "acme").delete(str(without_held_out_rows.config.validation_dataset))
    succeeded = store_experiment(database)
    lease = queue.lease("w", MINUTE)
    assert lease is not None
    model = make_tuned_model(lease.experiment)
    queue.succeed(lease, tuned_model=model, evaluations=(), curve_advice="", compute_seconds=1.0)
    queued = store_experiment(database)
    sweep = store_sweep(database)
    SweepRepository(database, "acme").request_cancel(sweep.id)
    before = len(experiments.list().items)

    for run, reason, words in (
        (without_rows.id, "DATASET_DELETED", "Upload its rows again"),
        (without_held_out_rows.id, "DATASET_DELETED", "Upload its rows again"),
        (succeeded.id, "EXPERIMENT_SUCCEEDED", "Create a new experiment"),
        (queued.id, "EXPERIMENT_ACTIVE", "is queued. Wait until it has ended, or cancel it"),
        (sweep.trials[0].experiment, "TRIAL_OF_SWEEP", "Create the sweep again"),
    ):
        for attempt in (retry, lambda _, name: ExperimentRetries(database, "acme").check(name)):
            with pytest.raises(FailedPreconditionError, match=words) as caught:
                attempt(database, run)
            assert caught.value.reason == reason
    assert len(experiments.list().items) == before


def test_a_retry_needs_room_in_the_queue_and_an_experiment_of_its_tenant(database: Database) -> None:
    first = fail(database)
    refusals: list[tuple[type[ForewordError], Any]] = [
        (ExhaustedError, lambda: retry(database, first.id, max_queued=0)),
        (NotFoundError, lambda: retry(database, "unknown")),
        (NotFoundError, lambda: ExperimentRetries(database, "other").check(first.id)),
    ]

    for error, call in refusals:
        with pytest.raises(error):
            call()
