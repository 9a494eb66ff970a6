"""Retries of evaluations and batch jobs: what was answered stays, and the rest is answered once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from factories.logs import captured_logs
from factories.runs import make_rows
from factories.workers import StopWhenIdle
from foreword.domain.batch_job import BatchAnswer, BatchJob
from foreword.domain.evaluation import AnsweredRow, EvaluatedSystem, Evaluation
from foreword.domain.job import WORK_KEPT, JobState
from foreword.errors import FailedPreconditionError
from foreword.scheduling.evaluations.run import BATCH_ROWS
from foreword.scheduling.worker import Worker
from foreword.server.jobs.answer_retries import AnswerRetrier
from foreword.storage.artifacts.keys import answer_batches_key, batch_answers_key
from foreword.storage.artifacts.publication import ArtifactPublisher
from foreword.storage.lists.page_tokens import page_tokens
from foreword.storage.repositories.answered_rows import open_answered_rows, read_answered_page
from foreword.storage.repositories.batch_answers import read_answers_page
from foreword.storage.repositories.batch_jobs import BatchJobRepository
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.evaluations import EvaluationRepository
from foreword.storage.tables import ArtifactDeletionRow

BASE = EvaluatedSystem(
    id="base", model="baseModels/tiny--bart", base_model="tiny--bart", constrained=True, instruction="Choose."
)
PLAIN = dataclasses.replace(BASE, id="plain", instruction="")
MANY_ROWS = tuple(make_rows(2 * BATCH_ROWS + 10))
OPTIONS: dict[str, Any] = {"id": None, "from_beginning": False, "creator": "key-1", "request": None}


def work(shop, failpoint: Callable[[str], None] = lambda _: None) -> None:
    """Run a worker until the queue is empty."""
    with captured_logs():
        Worker(dataclasses.replace(shop.workshop, failpoint=failpoint)).run(StopWhenIdle())


def retrier(shop) -> AnswerRetrier:
    workshop = shop.workshop
    return AnswerRetrier(
        database=workshop.database,
        artifacts=workshop.artifacts,
        publisher=ArtifactPublisher(database=workshop.database, artifacts=workshop.artifacts),
        plugins=workshop.plugins,
        max_queued=100,
    )


def after(number: int, moment: str, call: Callable[[], object]) -> Callable[[str], None]:
    """Return a failpoint that calls a function when a moment is reached for the given time."""
    reached: list[str] = []

    def failpoint(name: str) -> None:
        if name == moment:
            reached.append(name)
            if len(reached) == number:
                call()

    return failpoint


def crash() -> None:
    raise ZeroDivisionError


def rows_of(shop, evaluation: Evaluation) -> list[AnsweredRow]:
    assert evaluation.rows is not None
    tokens = page_tokens(shop.workshop.database)
    with open_answered_rows(shop.workshop.artifacts, evaluation, evaluation.rows) as file:
        return list(read_answered_page(file, evaluation, "all", 10_000, "", tokens).items)


def answers_of(shop, job: BatchJob) -> list[BatchAnswer]:
    repository = BatchJobRepository(shop.workshop.database, "acme")
    page = read_answers_page(
        shop.workshop.artifacts,
        job,
        lambda row: repository.parts(job.id, after_row=row, limit=32),
        selection="all",
        page_size=10_000,
        page_token="",
        after_row=0,
        tokens=page_tokens(shop.workshop.database),
    )
    return list(page.items)


def test_a_retried_evaluation_takes_over_its_answers_and_has_the_results_of_an_undisturbed_one(shop):
    undisturbed = shop.queue_evaluation(BASE, PLAIN, rows=MANY_ROWS)
    work(shop)
    first = shop.queue_evaluation(BASE, PLAIN, rows=MANY_ROWS)
    work(shop, after(3, "answers.add.after_commit", crash))
    repository = EvaluationRepository(shop.workshop.database, "acme")
    failed = repository.get(first.id)
    stored: list[str] = []

    made = retrier(shop).retry_evaluation(failed, **OPTIONS)
    work(shop, lambda moment: stored.append(moment) if moment == "answers.add.after_commit" else None)

    ended, wanted = repository.get(made.id), repository.get(undisturbed.id)
    assert failed.state is JobState.FAILED
    assert (made.retry_of, made.resumed_count) == (first.id, 3 * BATCH_ROWS)
    assert (made.progress.answered_count, made.progress.total_count) == (3 * BATCH_ROWS, 2 * len(MANY_ROWS))
    assert (ended.state, len(stored)) == (JobState.SUCCEEDED, 3), "there are six batches"
    assert rows_of(shop, ended) == rows_of(shop, wanted)
    assert [item.metrics for item in ended.results.systems] == [item.metrics for item in wanted.results.systems]
    assert failed.compute_seconds + ended.compute_seconds == pytest.approx(wanted.compute_seconds)
    assert repository.get(first.id) == failed, "the first one has changed"


def test_the_answers_of_a_failed_evaluation_are_kept_for_a_week_and_then_it_is_repeated_from_the_beginning(shop):
    first = shop.queue_evaluation(BASE, rows=MANY_ROWS)
    work(shop, after(2, "answers.add.after_commit", crash))
    prefix = answer_batches_key("acme", first.id, first.create_time)
    database = shop.workshop.database
    with database.read() as session:
        due = session.get_one(ArtifactDeletionRow, prefix).due_time
    shop.workshop.artifacts.delete(prefix)  # as if the week had passed
    repository = EvaluationRepository(database, "acme")

    made = retrier(shop).retry_evaluation(repository.get(first.id), **OPTIONS)
    work(shop)

    assert WORK_KEPT.days - 0.1 < (due - database.now()).total_seconds() / 86400 < WORK_KEPT.days
    assert made.resumed_count == 0
    assert len(rows_of(shop, repository.get(made.id))) == len(MANY_ROWS)


def test_a_retried_batch_job_answers_only_the_other_rows(shop):
    undisturbed = shop.queue_batch(rows=MANY_ROWS)
    work(shop)
    first = shop.queue_batch(rows=MANY_ROWS)
    repository = BatchJobRepository(shop.workshop.database, "acme")
    work(shop, after(1, "batch.add.after_commit", lambda: repository.request_cancel(first.id)))
    cancelled = repository.get(first.id)

    made = retrier(shop).retry_batch_job(cancelled, **OPTIONS)
    before = answers_of(shop, made)
    work(shop)

    ended, wanted = repository.get(made.id), repository.get(undisturbed.id)
    assert cancelled.state is JobState.CANCELLED
    assert (made.retry_of, made.resumed_count, len(before)) == (first.id, BATCH_ROWS, BATCH_ROWS)
    assert (ended.state, ended.progress.answered_count) == (JobState.SUCCEEDED, len(MANY_ROWS))
    assert answers_of(shop, ended) == answers_of(shop, wanted)
    assert cancelled.compute_seconds + ended.compute_seconds == pytest.approx(wanted.compute_seconds)


def test_the_answers_of_a_retry_outlive_the_first_job_and_damaged_ones_are_not_taken_over(shop):
    job = shop.queue_batch(rows=MANY_ROWS)
    repository = BatchJobRepository(shop.workshop.database, "acme")
    work(shop, after(2, "batch.add.after_commit", lambda: repository.request_cancel(job.id)))
    first = repository.get(job.id)
    prefix = batch_answers_key("acme", first.id, first.create_time)
    file = shop.workshop.artifacts.folder / prefix / f"{BATCH_ROWS + 1:07d}-1" / "answers.jsonl"
    file.chmod(0o600)
    file.write_bytes(b"{}")

    made = retrier(shop).retry_batch_job(first, **OPTIONS)
    anew = retrier(shop).retry_batch_job(first, **{**OPTIONS, "from_beginning": True})
    for files in repository.delete(first.id):
        shop.workshop.artifacts.delete(files)

    assert (made.resumed_count, anew.resumed_count) == (BATCH_ROWS, 0)
    assert len(answers_of(shop, made)) == BATCH_ROWS


def test_what_cannot_be_repeated_is_refused_with_the_reason_and_leaves_no_files(shop):
    database, found = shop.workshop.database, list[str]()
    evaluation, job = shop.queue_evaluation(BASE), shop.queue_batch()
    evaluations, jobs = EvaluationRepository(database, "acme"), BatchJobRepository(database, "acme")
    calls: list[Callable[[], object]] = [
        lambda: retrier(shop).retry_evaluation(evaluations.get(evaluation.id), **OPTIONS),
        lambda: retrier(shop).retry_batch_job(jobs.get(job.id), **OPTIONS),
    ]

    found.extend(map(refusal, calls))
    evaluations.request_cancel(evaluation.id)
    jobs.request_cancel(job.id)
    for repeated in (evaluation, job):
        DatasetRepository(database, "acme").delete(repeated.config.dataset)
    found.extend(map(refusal, calls))
    gone = shop.queue_batch(tuned_model="gone")
    jobs.request_cancel(gone.id)
    found.append(refusal(lambda: retrier(shop).retry_batch_job(jobs.get(gone.id), **OPTIONS)))
    other = shop.queue_evaluation(dataclasses.replace(BASE, base_revision="other weights"))
    evaluations.request_cancel(other.id)
    found.append(refusal(lambda: retrier(shop).retry_evaluation(evaluations.get(other.id), **OPTIONS)))

    assert found == [
        "EVALUATION_ACTIVE",
        "BATCH_JOB_ACTIVE",
        "DATASET_DELETED",
        "DATASET_DELETED",
        "MODEL_DELETED",
        "BASE_MODEL_CHANGED",
    ]
    assert len(evaluations.list().items) == 2
    assert len(jobs.list().items) == 2


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(FailedPreconditionError) as caught:
        call()
    return caught.value.reason
