"""Experiments of a tenant, for their owners."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from factories.stored import (
    beat,
    make_config,
    make_plan,
    make_snapshot,
    make_tuned_model,
    store_dataset,
    store_experiment,
    store_tenant,
)
from foreword.domain.experiment import Phase
from foreword.domain.failure import Failure
from foreword.domain.job import JobState
from foreword.domain.tags import TagChange
from foreword.domain.thin_curve import CurvePoint
from foreword.errors import (
    AlreadyExistsError,
    ExhaustedError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
)
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.requests import RequestKey
from foreword.storage.repositories.tuned_models import TunedModelRepository
from foreword.storage.workers.queue import JobQueue

MINUTE = timedelta(minutes=1)


def test_what_was_stored_is_found(database):
    dataset = store_dataset(database)
    experiment = store_experiment(database, dataset=dataset.id, description="first try")
    assert ExperimentRepository(database, "acme").get(experiment.id) == experiment
    assert experiment.config == make_config(dataset.id)
    assert experiment.plan == make_plan()
    assert experiment.state is JobState.QUEUED
    assert experiment.description == "first try"
    assert experiment.start_time is experiment.end_time is None


def test_a_curve_has_the_points_of_the_snapshots_but_for_those_of_a_refit(database):
    experiment = store_experiment(database)
    queue = JobQueue(database)
    lease = queue.lease("worker", MINUTE)
    measured = replace(make_snapshot(2, loss=math.inf), validation_loss=0.25, validation_metric=1.0)
    refit = replace(make_snapshot(4), phase=Phase.REFITTING)
    beat(queue, lease, duration=MINUTE, snapshots=[make_snapshot(1, 1e-7), measured, make_snapshot(3, math.nan), refit])
    experiments = ExperimentRepository(database, "acme")

    first, second, third = experiments.curve(experiment.id)

    assert first == CurvePoint(epoch=0.1, loss=1e-7, validation_loss=None, validation_metric=None)
    assert second == CurvePoint(epoch=0.2, loss=math.inf, validation_loss=0.25, validation_metric=1.0)
    assert math.isnan(third.loss)
    with pytest.raises(NotFoundError):
        ExperimentRepository(database, store_tenant(database, "other")).curve(experiment.id)


def test_a_change_of_a_tag_leaves_the_others_and_is_seen_by_watchers(database):
    experiment = store_experiment(database, tags={"team": "billing", "draft": "yes"})
    experiments = ExperimentRepository(database, "acme")

    change = TagChange(values={"stage": "trial"}, removed={"draft", "unknown"})
    changed = experiments.update(experiment.id, description="new", tags=change)

    assert changed.tags == {"team": "billing", "stage": "trial"}
    assert changed.description == "new"
    assert changed.update_time > experiment.update_time
    assert experiments.get(experiment.id) == changed
    assert experiments.update(experiment.id, tags=TagChange(values={"a": "b"}, replaces_all=True)).tags == {"a": "b"}
    assert experiments.update(experiment.id).tags == {"a": "b"}


def test_changes_beyond_twenty_tags_are_refused_and_change_nothing(database):
    experiment = store_experiment(database, tags={f"key{number}": "x" for number in range(20)})
    experiments = ExperimentRepository(database, "acme")

    with pytest.raises(InvalidArgumentError, match="at most 20 tags, not 21"):
        experiments.update(experiment.id, description="lost", tags=TagChange(values={"one": "more"}))

    assert experiments.get(experiment.id) == experiment
    exchanged = experiments.update(experiment.id, tags=TagChange(values={"one": "more"}, removed=["key0"]))
    assert len(exchanged.tags) == 20


def test_a_tuned_model_gets_the_tags_that_its_experiment_has_when_it_is_stored(database):
    experiment = store_experiment(database, tags={"team": "billing"})
    experiments, queue = ExperimentRepository(database, "acme"), JobQueue(database)
    lease = queue.lease("worker", MINUTE)
    experiments.update(experiment.id, tags=TagChange(values={"reviewed": "yes"}))
    model = make_tuned_model(lease.experiment)
    queue.succeed(lease, tuned_model=model, evaluations=(), curve_advice="", compute_seconds=1.0)
    experiments.update(experiment.id, tags=TagChange(replaces_all=True))

    models = TunedModelRepository(database, "acme")
    assert models.get(model.id).tags == {"team": "billing", "reviewed": "yes"}
    changed = models.update(model.id, tags=TagChange(values={"team": "shop"}, removed=["reviewed"]))
    assert changed.tags == models.get(model.id).tags == {"team": "shop"}
    assert changed.evaluations == model.evaluations
    with pytest.raises(NotFoundError):
        models.update("unknown", tags=TagChange())


def test_display_names_are_counted_up(database):
    names = [store_experiment(database, display_name="v1").display_name for _ in range(3)]
    assert names == ["v1 (1)", "v1 (2)", "v1 (3)"]


def test_a_numbered_display_name_may_be_taken_too(database):
    store_experiment(database, display_name="v1 (1)")
    names = [store_experiment(database, display_name=name).display_name for name in ("v1", "v1", "v1 (1)")]
    assert names == ["v1 (1)", "v1 (2)", "v1 (1) (2)"]


@pytest.mark.parametrize("name", ["100%", "a_b", "back\\slash", "Über", "V1"])
def test_a_display_name_with_special_characters_is_numbered_by_itself(database, name):
    for other in ("100x", "axb", "über", "v1"):
        store_experiment(database, display_name=other)
    assert [store_experiment(database, display_name=name).display_name for _ in range(2)] == [
        f"{name} (1)",
        f"{name} (2)",
    ]


def test_display_names_of_other_tenants_do_not_matter(database):
    assert store_experiment(database, "acme").display_name == store_experiment(database, "other").display_name


def test_an_id_may_be_chosen_once(database):
    assert store_experiment(database, id="my-run").id == "my-run"
    with pytest.raises(AlreadyExistsError):
        store_experiment(database, id="my-run")
    assert store_experiment(database, "other", id="my-run").tenant == "other"


def test_a_bad_id_is_refused(database):
    with pytest.raises(InvalidArgumentError) as caught:
        store_experiment(database, id="My Run")
    assert caught.value.violations[0].field == "tune_experiment_id"


def test_a_missing_dataset_is_named(database):
    store_tenant(database)
    with pytest.raises(NotFoundError, match="tenants/acme/datasets/gone"):
        store_experiment(database, dataset="gone")


def test_a_full_queue_takes_no_more_until_one_has_started(database):
    store_experiment(database, max_queued=2)
    store_experiment(database, max_queued=2)
    with pytest.raises(ExhaustedError) as caught:
        store_experiment(database, max_queued=2)
    assert caught.value.retry_after > timedelta()
    assert store_experiment(database, "other", max_queued=2)
    JobQueue(database).lease("w", MINUTE)
    assert store_experiment(database, max_queued=2)


def test_a_full_queue_is_worth_asking_again_after_the_time_of_a_run(database):
    dataset = store_dataset(database).id
    store_experiment(database, dataset=dataset)
    with pytest.raises(ExhaustedError) as caught:
        store_experiment(database, dataset=dataset, max_queued=1)
    assert caught.value.retry_after == timedelta(seconds=make_plan().estimated_seconds)
    assert caught.value.quota == "tenants/acme"


def test_the_same_request_again_gets_the_same_experiment_even_when_the_queue_is_full(database):
    request = RequestKey("CreateTuneExperiment", "r1", "f1")
    dataset = store_dataset(database).id
    first = store_experiment(database, dataset=dataset, request=request, max_queued=1)
    assert store_experiment(database, dataset=dataset, request=request, max_queued=1) == first


def test_a_replay_answers_with_the_experiment_as_it_is_now(database):
    request = RequestKey("CreateTuneExperiment", "r1", "f1")
    first = store_experiment(database, request=request)
    ExperimentRepository(database, "acme").request_cancel(first.id)
    assert store_experiment(database, request=request).state is JobState.CANCELLED


def test_a_replay_is_not_answered_with_an_experiment_that_got_the_same_id_later(database):
    request = RequestKey("CreateTuneExperiment", "r1", "f1")
    dataset = store_dataset(database).id
    store_experiment(database, dataset=dataset, id="nightly", request=request)
    repository = ExperimentRepository(database, "acme")
    repository.request_cancel("nightly")
    repository.delete("nightly")
    time.sleep(0.005)  # the database's clock counts milliseconds
    store_experiment(database, dataset=dataset, id="nightly")
    with pytest.raises(NotFoundError, match="deleted since"):
        store_experiment(database, dataset=dataset, id="nightly", request=request)


def test_experiments_are_listed_newest_first_by_state_in_pages(database):
    stored = [store_experiment(database).id for _ in range(4)]
    repository = ExperimentRepository(database, "acme")
    repository.request_cancel(stored[1])
    queued = ListRequest(page_size=2, filter="state = QUEUED")
    first = repository.list(queued)
    second = repository.list(replace(queued, page_token=first.next_page_token))
    assert [item.id for item in first.items + second.items] == [stored[3], stored[2], stored[0]]
    assert len(repository.list().items) == 4
    assert [item.id for item in repository.list(ListRequest(filter="state = CANCELLED")).items] == [stored[1]]


def test_a_page_token_with_another_filter_is_refused(database):
    for _ in range(2):
        store_experiment(database)
    repository = ExperimentRepository(database, "acme")
    token = repository.list(ListRequest(page_size=1)).next_page_token
    with pytest.raises(InvalidArgumentError):
        repository.list(ListRequest(page_size=1, page_token=token, filter="state = QUEUED"))


def test_snapshots_are_read_from_where_the_caller_says(database):
    experiment = store_experiment(database)
    queue = JobQueue(database)
    lease = queue.lease("w", MINUTE)
    beat(queue, lease, snapshots=[make_snapshot(step) for step in (1, 2, 3)], duration=MINUTE)
    repository = ExperimentRepository(database, "acme")
    assert [item.sequence for item in repository.get(experiment.id, after_sequence=0).snapshots] == [1, 2, 3]
    assert [item.sequence for item in repository.get(experiment.id, after_sequence=2).snapshots] == [3]
    assert repository.get(experiment.id, after_sequence=3).snapshots == ()
    assert repository.get(experiment.id).snapshots == ()
    assert repository.get(experiment.id).last_sequence == 3


def test_a_snapshot_comes_back_as_it_was_even_when_the_loss_is_infinite(database):
    experiment = store_experiment(database)
    queue = JobQueue(database)
    beat(queue, queue.lease("w", MINUTE), snapshots=[make_snapshot(1, loss=float("inf"))], duration=MINUTE)
    found = ExperimentRepository(database, "acme").get(experiment.id, after_sequence=0).snapshots[0]
    assert found.loss == float("inf")
    assert found.create_time == make_snapshot(1).create_time


def test_a_queued_experiment_is_cancelled_at_once_and_never_leased(database):
    experiment = ExperimentRepository(database, "acme").request_cancel(store_experiment(database).id)
    assert experiment.state is JobState.CANCELLED
    assert experiment.end_time is not None
    assert JobQueue(database).lease("w", MINUTE) is None


def test_a_running_experiment_is_cancelled_by_its_worker(database):
    experiment = store_experiment(database)
    queue, repository = JobQueue(database), ExperimentRepository(database, "acme")
    lease = queue.lease("w", MINUTE)
    assert beat(queue, lease, duration=MINUTE) is False
    assert repository.request_cancel(experiment.id).state is JobState.CANCELLING
    assert beat(queue, lease, duration=MINUTE) is True
    queue.cancelled(lease, 1.5)
    found = repository.get(experiment.id)
    assert (found.state, found.compute_seconds) == (JobState.CANCELLED, 1.5)


def test_cancelling_again_changes_nothing(database):
    repository = ExperimentRepository(database, "acme")
    queued, running = store_experiment(database).id, store_experiment(database).id
    repository.request_cancel(queued)
    JobQueue(database).lease("w", MINUTE)
    for id in (queued, running):
        assert repository.request_cancel(id) == repository.request_cancel(id)


def test_a_failed_experiment_cannot_be_cancelled(database):
    experiment = store_experiment(database)
    queue = JobQueue(database)
    queue.fail(queue.lease("w", MINUTE), Failure(kind="internal", reason="INTERNAL", message="It broke."), 2.0)
    repository = ExperimentRepository(database, "acme")
    with pytest.raises(FailedPreconditionError, match="has already failed"):
        repository.request_cancel(experiment.id)
    assert repository.get(experiment.id).failure == Failure(kind="internal", reason="INTERNAL", message="It broke.")


def test_an_experiment_is_deleted_with_its_curve_once_it_has_ended(database):
    experiment = store_experiment(database)
    queue, repository = JobQueue(database), ExperimentRepository(database, "acme")
    with pytest.raises(FailedPreconditionError, match="queued"):
        repository.delete(experiment.id)
    lease = queue.lease("w", MINUTE)
    beat(queue, lease, snapshots=[make_snapshot(1)], duration=MINUTE)
    with pytest.raises(FailedPreconditionError, match="running"):
        repository.delete(experiment.id)
    queue.fail(lease, Failure(kind="internal", reason="INTERNAL", message=""), 0.0)
    repository.delete(experiment.id)
    with pytest.raises(NotFoundError):
        repository.get(experiment.id)


def test_other_tenants_experiments_cannot_be_touched(database):
    theirs = store_experiment(database, "other")
    store_tenant(database)
    repository = ExperimentRepository(database, "acme")
    for attempt in (repository.get, repository.request_cancel, repository.delete):
        with pytest.raises(NotFoundError):
            attempt(theirs.id)
    assert repository.list().items == ()
