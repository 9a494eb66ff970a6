"""A retry goes on where the first run has stopped, and costs only the rest."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from factories.workers import StopWhenIdle
from foreword.domain.experiment import TuneExperiment
from foreword.domain.job import WORK_KEPT, JobState
from foreword.errors import AlreadyExistsError, FailedPreconditionError
from foreword.scheduling.worker import Worker
from foreword.server.jobs.retries import ExperimentRetrier
from foreword.storage.artifacts.deletions import ArtifactDeletions
from foreword.storage.artifacts.keys import checkpoints_key
from foreword.storage.artifacts.publication import ArtifactPublisher
from foreword.storage.repositories.tuned_models import TunedModelRepository
from foreword.storage.tables import ArtifactDeletionRow
from foreword.storage.workers.queue import JobQueue


def work(shop, failpoint: Callable[[str], None] = lambda _: None, **settings: Any) -> None:
    """Run a worker until the queue is empty."""
    disturbed = shop.with_queue(lambda database: JobQueue(database, failpoint=failpoint)).workshop
    changed = shop.workshop.settings.model_copy(update=settings)
    Worker(dataclasses.replace(disturbed, settings=changed)).run(StopWhenIdle())


def cancel_after(shop, run: TuneExperiment, step: int) -> Callable[[str], None]:
    """Return a failpoint that cancels a run once its curve has come to a step."""

    def failpoint(name: str) -> None:
        if name == "queue.heartbeat.after_commit" and threading.current_thread() is threading.main_thread():
            found = shop.repository.get(run.id, after_sequence=0)
            if found.state is JobState.RUNNING and any(point.step >= step for point in found.snapshots):
                shop.repository.request_cancel(run.id)

    return failpoint


def retrier(shop) -> ExperimentRetrier:
    workshop = shop.workshop
    return ExperimentRetrier(
        database=workshop.database,
        publisher=ArtifactPublisher(database=workshop.database, artifacts=workshop.artifacts),
        checkpoints=workshop.checkpoints,
        plugins=workshop.plugins,
        max_queued=100,
    )


def retry(shop, run: TuneExperiment, **options: Any) -> TuneExperiment:
    defaults = {"id": None, "from_beginning": False, "creator": "key-2", "request": None}
    return retrier(shop).retry(shop.repository.get(run.id), **{**defaults, **options})


def get(shop, run: TuneExperiment) -> TuneExperiment:
    found: TuneExperiment = shop.repository.get(run.id, after_sequence=0)
    return found


def content(shop, run: TuneExperiment) -> str:
    model = shop.repository.get(run.id).tuned_model
    return TunedModelRepository(shop.workshop.database, "acme").get(model).content_sha256


def key_of(run: TuneExperiment) -> str:
    return checkpoints_key(run.tenant, run.id, run.create_time)


def due_times(shop) -> dict[str, timedelta]:
    """Return the time that is left until the files of each prefix are deleted."""
    with shop.workshop.database.read() as session:
        now = shop.workshop.database.clock(session)
        return {row.artifact: row.due_time - now for row in session.scalars(select(ArtifactDeletionRow))}


@pytest.fixture
def undisturbed(shop) -> TuneExperiment:
    """A run of six updates that has succeeded."""
    run: TuneExperiment = shop.queue_run()
    work(shop)
    return get(shop, run)


def test_a_cancelled_run_is_continued_to_the_tensors_of_an_undisturbed_one(shop, undisturbed: TuneExperiment) -> None:
    first = shop.queue_run()
    work(shop, cancel_after(shop, first, step=3))
    cancelled = get(shop, first)

    second = retry(shop, first)
    work(shop)

    found = get(shop, second)
    assert cancelled.state is JobState.CANCELLED
    assert get(shop, first) == cancelled, "the first run stays as it is"
    assert (found.state, found.retry_of, found.resumed_step) == (JobState.SUCCEEDED, first.id, second.resumed_step)
    assert 3 <= second.resumed_step < 6
    assert [point.step for point in found.snapshots] == [1, 2, 3, 4, 5, 6]
    assert [point.sequence for point in found.snapshots] == [1, 2, 3, 4, 5, 6]
    assert content(shop, found) == content(shop, undisturbed)
    assert found.compute_seconds < undisturbed.compute_seconds
    assert (found.config, found.plan, found.creator) == (cancelled.config, cancelled.plan, "key-2")
    assert [run.display_name for run in (undisturbed, cancelled, found)] == ["Tuning (1)", "Tuning (2)", "Tuning (3)"]


def test_a_run_that_failed_after_its_last_update_is_only_evaluated_again_or_repeated_as_asked(
    shop, undisturbed: TuneExperiment
) -> None:
    first = shop.queue_run()

    def fail(name: str) -> None:
        if name == "queue.succeed.before_commit":
            raise FailedPreconditionError("The model cannot be stored.", reason="BROKEN")

    work(shop, fail)
    failed = get(shop, first)
    second = retry(shop, first)
    third = retry(shop, first, from_beginning=True)
    work(shop)

    assert (failed.state, failed.failure.reason) == (JobState.FAILED, "BROKEN")
    assert (second.resumed_step, third.resumed_step) == (6, 0)
    assert get(shop, second).compute_seconds < get(shop, third).compute_seconds
    assert content(shop, second) == content(shop, third) == content(shop, undisturbed)
    assert get(shop, first) == failed


def test_without_a_checkpoint_a_retry_runs_from_the_beginning(shop, undisturbed: TuneExperiment) -> None:
    first = shop.queue_run()
    shop.repository.request_cancel(first.id)

    second = retry(shop, first)
    work(shop)

    assert second.resumed_step == 0
    assert get(shop, second).state is JobState.SUCCEEDED
    assert content(shop, second) == content(shop, undisturbed)


def test_a_retry_whose_checkpoint_is_of_another_version_says_that_it_began_anew(
    shop, undisturbed: TuneExperiment
) -> None:
    first = shop.queue_run()
    shop.workshop.checkpoints.write_checkpoint(key_of(first), 1, 3, b"of another version")
    shop.repository.request_cancel(first.id)
    second = retry(shop, first)

    work(shop)

    assert second.resumed_step == 3
    assert (get(shop, second).state, get(shop, second).resumed_step) == (JobState.SUCCEEDED, 0)
    assert [point.step for point in get(shop, second).snapshots] == [1, 2, 3, 4, 5, 6]
    assert content(shop, second) == content(shop, undisturbed)


def test_checkpoints_are_kept_for_a_week_after_a_failure_and_not_at_all_after_a_success(shop) -> None:
    first = shop.queue_run()
    work(shop, cancel_after(shop, first, step=2))
    second = retry(shop, first)
    copied = shop.workshop.checkpoints.latest_checkpoint(key_of(second))
    work(shop)
    third = retry(shop, first)
    shop.repository.request_cancel(third.id)

    left = due_times(shop)
    ArtifactDeletions(database=shop.workshop.database, artifacts=shop.workshop.artifacts).delete_due()

    assert copied == shop.workshop.checkpoints.latest_checkpoint(key_of(first)) is not None
    assert left.keys() == {key_of(first), key_of(third)}
    assert all(WORK_KEPT - timedelta(minutes=1) < due <= WORK_KEPT for due in left.values())
    assert shop.workshop.checkpoints.latest_checkpoint(key_of(second)) is None


def test_a_refused_retry_leaves_no_copy_of_the_checkpoint(shop) -> None:
    first = shop.queue_run()
    work(shop, cancel_after(shop, first, step=2))
    shop.queue_run(id="taken")

    with pytest.raises(AlreadyExistsError, match="tuneExperiments/taken already exists"):
        retry(shop, first, id="taken")

    assert due_times(shop).keys() == {key_of(first)}
    folder = shop.workshop.artifacts.folder / "checkpoints" / "acme"
    assert [path.name for path in folder.iterdir()] == [key_of(first).rsplit("/", 1)[1]]


@pytest.mark.parametrize(
    ("of_config", "of_plan", "problem"),
    [
        ({}, {"base_revision": "of last year"}, "tiny--bart has other weights now"),
        ({"base_model": "gone--model"}, {}, "gone--model, which .* needs, is not installed any more"),
        ({"task": "gone"}, {}, "The task 'gone' of .* is not installed any more"),
        ({"tuning_type": "gone"}, {}, "The tuning method 'gone' of .* is not installed any more"),
    ],
)
def test_a_run_that_needs_what_is_not_installed_any_more_is_not_repeated(
    shop, of_config: dict[str, str], of_plan: dict[str, str], problem: str
) -> None:
    first = shop.queue_run()
    shop.repository.request_cancel(first.id)
    before = dataclasses.replace(
        shop.repository.get(first.id),
        config=dataclasses.replace(first.config, **of_config),
        plan=dataclasses.replace(first.plan, **of_plan),
    )

    with pytest.raises(FailedPreconditionError, match=problem) as caught:
        retrier(shop).retry(before, id=None, from_beginning=False, creator="", request=None)

    assert caught.value.reason in ("BASE_MODEL_CHANGED", "PLUGIN_MISSING")
    assert len(shop.repository.list().items) == 1
