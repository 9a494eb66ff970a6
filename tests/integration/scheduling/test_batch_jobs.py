"""Batch jobs at a worker: every row is answered once, whatever happens to the worker."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
from pathlib import Path

import pytest

from factories.forked import fork_context
from factories.logs import captured_logs
from factories.runs import make_rows
from factories.stored import let_leases_expire, let_wait
from factories.tuning_process import BATCHING, Kill, tune
from factories.waiting import wait_until
from factories.workers import StopWhenIdle
from foreword.domain.batch_job import BatchAnswer, BatchJob
from foreword.domain.experiment import TuneExperiment
from foreword.domain.inference import GenerateParameters
from foreword.domain.job import JobState
from foreword.domain.label_options import LabelOptions
from foreword.scheduling.batches.run import PART_ROWS
from foreword.scheduling.worker import Worker
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.lists.page_tokens import page_tokens
from foreword.storage.repositories.batch_answers import MOST_PARTS_READ, read_answers_page
from foreword.storage.repositories.batch_jobs import BatchJobRepository
from foreword.storage.repositories.experiments import ExperimentRepository

MANY_ROWS = tuple(make_rows(PART_ROWS + 10))
SAMPLED = GenerateParameters(sample=True, seed=7, max_new_tokens=2)
SOAK_ROWS = int(os.environ.get("FOREWORD_SOAK_ROWS", "100000"))


def work(shop, **changes: object) -> list[tuple[str, str]]:
    """Run a worker until the queue is empty, and return its log as event and id of the job."""
    settings = shop.workshop.settings.model_copy(update=changes)
    with captured_logs() as logs:
        Worker(dataclasses.replace(shop.workshop, settings=settings)).run(StopWhenIdle())
    return [(entry["event"], entry.get("batch_job") or entry.get("experiment") or "") for entry in logs]


def with_failpoint(shop, failpoint):
    return dataclasses.replace(shop, workshop=dataclasses.replace(shop.workshop, failpoint=failpoint))


def get(shop, job: BatchJob) -> BatchJob:
    return BatchJobRepository(shop.workshop.database, job.tenant).get(job.id)


def answers_of(shop, job: BatchJob, **options: object) -> list[BatchAnswer]:
    repository = BatchJobRepository(shop.workshop.database, job.tenant)
    tokens, found, page_token = page_tokens(shop.workshop.database), [], ""
    while True:
        page = read_answers_page(
            shop.workshop.artifacts,
            job,
            lambda after: repository.parts(job.id, after_row=after, limit=MOST_PARTS_READ),
            **{
                "selection": "all",
                "page_size": 1000,
                "page_token": page_token,
                "after_row": 0,
                "tokens": tokens,
                **options,
            },
        )
        found += page.items
        page_token = page.next_page_token
        if not page_token:
            return found


def kill_worker(shop, log: Path, kill: Kill) -> None:
    """Run a worker in a process that kills itself."""
    log.touch()
    process = fork_context().Process(target=tune, args=(shop.workshop.settings, log, "killed", kill), daemon=True)
    process.start()
    process.join(3000)
    assert process.exitcode == -signal.SIGKILL


def test_every_row_gets_labels_with_their_probability_and_is_charged(shop):
    job = shop.queue_batch(rows=MANY_ROWS)

    work(shop)

    found, answers = get(shop, job), answers_of(shop, job)
    assert found.state is JobState.SUCCEEDED, found.failure
    assert [answer.row for answer in answers] == [row.number for row in MANY_ROWS]
    assert [answer.input for answer in answers] == [row.input for row in MANY_ROWS]
    for answer in answers:
        assert answer.labels in (("Warehouse",), ("Service",))
        assert answer.answer == answer.labels[0]
        assert answer.probability == pytest.approx(answer.label_probabilities[answer.answer], abs=1e-6)
        assert answer.input_tokens > 0
    progress = found.progress
    assert (progress.answered_count, progress.total_count, progress.percent) == (len(MANY_ROWS), len(MANY_ROWS), 100)
    assert found.compute_seconds > 0


@pytest.mark.parametrize("moment", BATCHING)
def test_a_worker_that_is_killed_leaves_its_answers_to_the_next_one(shop, tmp_path: Path, moment: str):
    undisturbed = shop.queue_batch(rows=MANY_ROWS, generate=SAMPLED)
    work(shop)
    job = shop.queue_batch(rows=MANY_ROWS, generate=SAMPLED)

    kill_worker(shop, tmp_path / "log", Kill(moment, 2 if moment == "batch.add.before_commit" else 1))
    kept, ended = answers_of(shop, job), get(shop, job).state.ended
    let_leases_expire(shop.workshop.database)
    events = [event for event, _ in work(shop)]

    assert ended == (moment == "batch.succeed.after_commit")
    assert ("batch_job_leased" in events) != ended
    found = get(shop, job)
    assert found.state is JobState.SUCCEEDED, found.failure
    assert found.progress.answered_count == len(MANY_ROWS)
    answers = answers_of(shop, job)
    assert [answer.row for answer in answers] == [row.number for row in MANY_ROWS], "answers were lost or doubled"
    assert answers == answers_of(shop, undisturbed)
    assert answers[: len(kept)] == kept, "a stored answer has changed"
    assert len({answer.answer for answer in answers}) > 1, "the seeds of the rows are alike"


def test_a_row_that_cannot_be_answered_has_its_own_error(shop):
    rows = list(make_rows())
    rows[3] = dataclasses.replace(rows[3], input="word " * 500)
    rows[7] = dataclasses.replace(rows[7], input="x" * 100_000)
    job = shop.queue_batch(rows=rows)

    work(shop)

    found, answers = get(shop, job), answers_of(shop, job)
    assert (found.state, found.progress.failed_count) == (JobState.SUCCEEDED, 2)
    failed = [answer for answer in answers if answer.failure is not None]
    assert [(answer.row, answer.failure.reason) for answer in failed] == [(4, "TEXT_TOO_LONG"), (8, "TEXT_TOO_LONG")]
    assert all(answer.answer and answer.failure is None for answer in answers if answer.row not in (4, 8))


def test_a_long_row_is_cut_if_that_is_wanted_and_an_unlikely_answer_abstains(shop):
    rows = [dataclasses.replace(make_rows()[0], input="word " * 500)]
    options = LabelOptions(labels=("Warehouse", "Service"), truncate_input_tokens=8)
    cut = shop.queue_batch(rows=rows, classify=options)
    unsure = shop.queue_batch(rows=rows, classify=dataclasses.replace(options, threshold=1.0))

    work(shop)

    ((first,), (second,)) = answers_of(shop, cut), answers_of(shop, unsure)
    assert (first.input_tokens, first.failure, first.abstained) == (8, None, False)
    assert (second.abstained, second.answer, second.labels) == (True, "", ())
    assert second.probability == pytest.approx(first.probability)


def test_a_cancelled_job_keeps_the_answers_that_it_has_until_it_is_deleted(shop):
    job = shop.queue_batch(rows=MANY_ROWS)
    repository = BatchJobRepository(shop.workshop.database, "acme")

    def cancel(moment: str) -> None:
        if moment == "batch.add.after_commit":
            repository.request_cancel(job.id)

    work(with_failpoint(shop, cancel))

    ended = get(shop, job)
    assert ended.state is JobState.CANCELLED
    assert [answer.row for answer in answers_of(shop, job)] == list(range(1, PART_ROWS + 1))
    assert (ended.progress.answered_count, ended.progress.failed_count) == (PART_ROWS, 0)
    (files,) = repository.delete(job.id)
    assert files.startswith("tenants/acme/batchJobs/")


@pytest.mark.parametrize("tenant", ["acme", "rival"])
def test_a_job_yields_to_a_run_of_any_tenant_and_goes_on_where_it_was(shop, tenant: str):
    job = shop.queue_batch(rows=MANY_ROWS)
    let_wait(shop.workshop.database, job)
    runs = []

    def queue_a_run(moment: str) -> None:
        if moment == "batch.add.after_commit" and not runs:
            runs.append(shop.queue_run(tenant=tenant, num_epochs=1))
            let_wait(shop.workshop.database, runs[0])

    log = work(with_failpoint(shop, queue_a_run), turn_seconds=1e-9, max_runs_per_worker=1)

    assert [event for event, id in log if id == job.id][:3] == [
        "batch_job_leased",
        "batch_job_yielded",
        "batch_job_leased",
    ]
    events = [event for event, _ in log]
    assert events.index("experiment_succeeded") < events.index("batch_job_succeeded")
    assert ExperimentRepository(shop.workshop.database, tenant).get(runs[0].id).state is JobState.SUCCEEDED
    assert [answer.row for answer in answers_of(shop, job)] == [row.number for row in MANY_ROWS]


def test_a_worker_goes_on_while_a_job_that_is_to_leave_waits_for_its_store(shop):
    long = shop.queue_run(num_epochs=30)
    job = shop.queue_batch(rows=MANY_ROWS)  # of one tenant's jobs, the newest leaves first
    let_wait(shop.workshop.database, job)
    rival: list[TuneExperiment] = []
    waited: list[int] = []

    def step() -> int:
        return ExperimentRepository(shop.workshop.database, "acme").get(long.id).progress.step

    def hang(moment: str) -> None:
        if moment == "artifacts.before_rename" and answers_of(shop, job) and not waited:
            rival.append(shop.queue_run(tenant="rival", num_epochs=1))
            let_wait(shop.workshop.database, rival[0])
            waited.append(step())
            wait_until(lambda: step() >= waited[0] + 5, 20)
            waited.append(step())

    store = ArtifactStore(shop.workshop.settings.resolved_artifacts_url, failpoint=hang)
    hanging = dataclasses.replace(shop, workshop=dataclasses.replace(shop.workshop, artifacts=store))
    log = work(hanging, turn_seconds=1e-9, max_runs_per_worker=2)

    assert len(waited) == 2, "the run stood still while the store did not answer"
    assert ("batch_job_yielded", job.id) in log
    assert get(shop, job).state is JobState.SUCCEEDED
    assert [answer.row for answer in answers_of(shop, job)] == [row.number for row in MANY_ROWS]


def test_a_download_goes_on_after_any_row_of_a_file_with_blank_lines(shop):
    rows = [dataclasses.replace(row, number=2 * row.number) for row in MANY_ROWS]
    job = shop.queue_batch(rows=rows)
    work(shop)

    numbers = [row.number for row in rows]
    for after in (0, 1, 2, 2 * PART_ROWS - 1, 2 * PART_ROWS, 2 * PART_ROWS + 1, numbers[-1] - 1, numbers[-1]):
        found = [answer.row for answer in answers_of(shop, job, after_row=after, page_size=50)]
        assert found == [number for number in numbers if number > after], after


def test_a_download_goes_on_after_a_row(shop):
    job = shop.queue_batch(rows=MANY_ROWS)
    work(shop)

    rest = answers_of(shop, job, after_row=PART_ROWS + 3, page_size=50)

    assert [answer.row for answer in rest] == list(range(PART_ROWS + 4, len(MANY_ROWS) + 1))


@pytest.mark.soak
def test_many_rows_survive_random_kills(shop, tmp_path: Path):
    rows = make_rows(SOAK_ROWS)
    job = shop.queue_batch(rows=rows)
    chance, longest = random.Random(0), max(2, SOAK_ROWS // PART_ROWS // 12)

    for number in range(10):
        kill_worker(shop, tmp_path / f"log {number}", Kill(chance.choice(BATCHING[:2]), chance.randint(1, longest)))
        let_leases_expire(shop.workshop.database)
    work(shop)

    assert get(shop, job).state is JobState.SUCCEEDED
    assert [answer.row for answer in answers_of(shop, job)] == list(range(1, SOAK_ROWS + 1))
