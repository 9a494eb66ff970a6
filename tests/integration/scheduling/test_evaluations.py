"""Evaluations at a worker: every system answers every row once, whatever happens to the worker."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from factories.forked import fork_context
from factories.logs import captured_logs
from factories.runs import make_rows
from factories.stored import let_leases_expire, let_wait
from factories.tuning_process import ANSWERING, Kill, tune
from factories.workers import StopWhenIdle
from foreword.domain.evaluation import AnsweredRow, EvaluatedSystem, Evaluation, EvaluationPhase
from foreword.domain.job import JobState
from foreword.scheduling.evaluations.run import BATCH_ROWS
from foreword.scheduling.worker import Worker
from foreword.storage.artifacts.deletions import ArtifactDeletions
from foreword.storage.artifacts.keys import answer_batches_key
from foreword.storage.lists.page_tokens import page_tokens
from foreword.storage.repositories.answered_rows import open_answered_rows, read_answered_page
from foreword.storage.repositories.evaluations import EvaluationRepository
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.tuned_models import TunedModelRepository, add_tuned_model
from foreword.storage.workers import answer_batches
from foreword.storage.workers.queue import JobQueue

OWN_MOMENTS = tuple(moment for moment in answer_batches.FAILPOINTS if not moment.startswith("answers.keep"))
# At these, runs and batch jobs are killed in the suite.
SHARED = [moment for moment in ANSWERING if moment not in answer_batches.FAILPOINTS]

BASE = EvaluatedSystem(
    id="base", model="baseModels/tiny--bart", base_model="tiny--bart", constrained=True, instruction="Choose."
)
MANY_ROWS = tuple(make_rows(2 * BATCH_ROWS + 10))
SOAK_ROWS = int(os.environ.get("FOREWORD_SOAK_ROWS", "10000"))


def work(shop, **changes: object) -> list[tuple[str, str]]:
    """Run a worker until the queue is empty, and return its log as event and id of the job."""
    settings = shop.workshop.settings.model_copy(update=changes)
    with captured_logs() as logs:
        Worker(dataclasses.replace(shop.workshop, settings=settings)).run(StopWhenIdle())
    return [(entry["event"], entry.get("evaluation") or entry.get("experiment") or "") for entry in logs]


def get(shop, evaluation: Evaluation) -> Evaluation:
    return EvaluationRepository(shop.workshop.database, evaluation.tenant).get(evaluation.id)


def tuned_system(shop, **parameters: object) -> EvaluatedSystem:
    """A tuned model, as a system."""
    run = shop.queue_run(**parameters)
    work(shop)
    model = ExperimentRepository(shop.workshop.database, run.tenant).get(run.id).tuned_model
    return EvaluatedSystem(id="tuned", model="its name", base_model="tiny--bart", tuned_model=model)


def rows_of(shop, evaluation: Evaluation) -> list[AnsweredRow]:
    assert evaluation.rows is not None
    tokens = page_tokens(shop.workshop.database)
    with open_answered_rows(shop.workshop.artifacts, evaluation, evaluation.rows) as file:
        return list(read_answered_page(file, evaluation, "all", 10_000, "", tokens).items)


def test_every_system_answers_every_row_and_is_compared_with_the_first(shop):
    tuned = tuned_system(shop)
    shots = dataclasses.replace(BASE, id="shots", shots=1, constrained=False, instruction="")
    evaluation = shop.queue_evaluation(tuned, BASE, shots, examples=make_rows())

    work(shop)

    found = get(shop, evaluation)
    assert found.state is JobState.SUCCEEDED, found.failure
    assert [item.system for item in found.results.systems] == ["tuned", "base", "shots"]
    assert {item.row_count for item in found.results.systems} == {len(make_rows())}
    for item in found.results.systems:
        main = item.metrics[item.main_metric]
        assert item.intervals[item.main_metric].lower <= main <= item.intervals[item.main_metric].upper
        assert (item.calibration is None) == (item.system == "shots")
        assert item.mean_seconds > 0
    assert {(item.system, item.reference) for item in found.results.differences} == {
        ("base", "tuned"),
        ("shots", "tuned"),
    }
    assert found.progress.percent == 100
    assert found.progress.phase is EvaluationPhase.STORING
    assert found.compute_seconds > 0
    rows = rows_of(shop, found)
    assert [row.row for row in rows] == [row.number for row in make_rows()]
    assert sum(row.is_different for row in rows) == found.results.differing_row_count
    exact = [item.metrics["exact_match"] for item in found.results.systems]
    for place, share in enumerate(exact):
        assert sum(row.scores[place] for row in rows) / len(rows) == pytest.approx(share)


def test_a_tuned_model_is_evaluated_with_the_calibrated_probabilities_that_it_is_served_with(shop):
    tuned, database = tuned_system(shop), shop.workshop.database
    model = TunedModelRepository(database, "acme").get(tuned.tuned_model)
    assert model.answer_calibration is not None
    calibration = dataclasses.replace(model.answer_calibration, temperature=2.0)
    models = [
        dataclasses.replace(model, id="calibrated", answer_calibration=calibration),
        dataclasses.replace(model, id="plain", answer_calibration=None),
    ]
    with database.write_tenant("acme") as session:
        for item in models:
            add_tuned_model(session, item, database.now())
    systems = [dataclasses.replace(tuned, id=item.id, tuned_model=item.id) for item in models]
    evaluation = shop.queue_evaluation(*systems)

    work(shop)

    for row in rows_of(shop, get(shop, evaluation)):
        calibrated, raw = row.answers
        assert calibrated.answer == raw.answer
        assert calibrated.probability < raw.probability


def test_a_generating_task_has_a_perplexity_with_an_interval(shop):
    evaluation = shop.queue_evaluation(
        EvaluatedSystem(id="base", model="tiny--bart", base_model="tiny--bart"), task="generation"
    )

    work(shop)

    (result,) = get(shop, evaluation).results.systems
    assert result.intervals["perplexity"].lower <= result.metrics["perplexity"] <= result.intervals["perplexity"].upper
    assert result.calibration is None


@pytest.mark.parametrize("moment", [*OWN_MOMENTS, *(pytest.param(item, marks=pytest.mark.soak) for item in SHARED)])
def test_a_worker_that_is_killed_leaves_its_answers_to_the_next_one(shop, tmp_path: Path, moment: str):
    undisturbed = shop.queue_evaluation(BASE, rows=MANY_ROWS)
    work(shop)
    evaluation = shop.queue_evaluation(BASE, rows=MANY_ROWS)

    kill_worker(shop, tmp_path / "log", Kill(moment, 2 if moment.startswith("answers.add") else 1))
    ended = get(shop, evaluation).state.ended
    let_leases_expire(shop.workshop.database)
    events = [event for event, _ in work(shop)]

    assert ended == (moment == "answers.succeed.after_commit")
    assert ("evaluation_leased" in events) != ended
    expected, found = get(shop, undisturbed), get(shop, evaluation)
    assert found.state is JobState.SUCCEEDED, found.failure
    assert found.results.systems[0].metrics == pytest.approx(expected.results.systems[0].metrics)
    answers = [[(row.row, row.answers[0].answer) for row in rows_of(shop, item)] for item in (found, expected)]
    assert answers[0] == answers[1]
    stored = [row.row for row in rows_of(shop, found)]
    assert stored == [row.number for row in MANY_ROWS], "answers were lost or doubled"


def kill_worker(shop, log: Path, kill: Kill) -> None:
    """Run a worker in a process that kills itself."""
    log.touch()
    process = fork_context().Process(target=tune, args=(shop.workshop.settings, log, "killed", kill), daemon=True)
    process.start()
    process.join(300)
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_three_systems_on_many_rows_survive_random_kills(shop, tmp_path: Path):
    systems = (tuned_system(shop), BASE, dataclasses.replace(BASE, id="shots", shots=1, constrained=False))
    rows = make_rows(SOAK_ROWS)
    evaluation = shop.queue_evaluation(*systems, rows=rows, examples=make_rows())
    chance, longest = random.Random(0), max(2, 3 * SOAK_ROWS // BATCH_ROWS // 12)

    for number in range(10):
        kill_worker(shop, tmp_path / f"log {number}", Kill(chance.choice(OWN_MOMENTS[:2]), chance.randint(1, longest)))
        let_leases_expire(shop.workshop.database)
    work(shop)

    found = get(shop, evaluation)
    assert found.state is JobState.SUCCEEDED, found.failure
    assert [item.row_count for item in found.results.systems] == [SOAK_ROWS] * 3
    tokens, answered, after = page_tokens(shop.workshop.database), [], ""
    assert found.rows is not None
    with open_answered_rows(shop.workshop.artifacts, found, found.rows) as file:
        while True:
            page = read_answered_page(file, found, "all", 1_000, after, tokens)
            answered += page.items
            if not (after := page.next_page_token):
                break
    assert [row.row for row in answered] == [row.number for row in rows], "answers were lost or doubled"
    assert all(None not in row.answers for row in answered)


PLAIN = dataclasses.replace(BASE, id="plain", instruction="")


def at_batch(number: int, call: Callable[[], object]) -> Callable[[str], None]:
    """Return a failpoint that calls a function when a batch of answers has been stored."""
    stored: list[str] = []

    def failpoint(moment: str) -> None:
        if moment == "answers.add.after_commit":
            stored.append(moment)
            if len(stored) == number:
                call()

    return failpoint


def with_failpoint(shop, failpoint: Callable[[str], None]):
    return dataclasses.replace(shop, workshop=dataclasses.replace(shop.workshop, failpoint=failpoint))


def check_partial(shop, evaluation: Evaluation) -> None:
    """Check the results of an evaluation of BASE and PLAIN that ended after its third batch of answers."""
    found = get(shop, evaluation)
    assert found.results.partial
    assert [(item.system, item.row_count) for item in found.results.systems] == [
        ("base", BATCH_ROWS),
        ("plain", BATCH_ROWS),
    ]
    assert all(item.intervals for item in found.results.systems)
    rows = rows_of(shop, found)
    assert [row.row for row in rows] == [row.number for row in MANY_ROWS[: 2 * BATCH_ROWS]]
    assert {tuple(answer is None for answer in row.answers) for row in rows[:BATCH_ROWS]} == {(False, False)}
    assert {tuple(answer is None for answer in row.answers) for row in rows[BATCH_ROWS:]} == {(False, True)}
    exact = found.results.systems[1].metrics["exact_match"]
    assert sum(row.scores[1] for row in rows[:BATCH_ROWS]) / BATCH_ROWS == pytest.approx(exact)
    assert [row.scores[1] for row in rows[BATCH_ROWS:]] == [None] * BATCH_ROWS


def test_a_cancelled_evaluation_keeps_the_answers_of_all_systems_and_partial_results(shop):
    evaluation = shop.queue_evaluation(BASE, PLAIN, rows=MANY_ROWS)
    repository = EvaluationRepository(shop.workshop.database, "acme")

    work(with_failpoint(shop, at_batch(3, lambda: repository.request_cancel(evaluation.id))))

    ended = get(shop, evaluation)
    assert (ended.state, ended.progress.answered_count) == (JobState.CANCELLED, 3 * BATCH_ROWS)
    check_partial(shop, evaluation)
    prefix = answer_batches_key("acme", evaluation.id, evaluation.create_time)
    assert shop.workshop.artifacts.names(f"{prefix}/0-000000-1"), "a retry may need it"
    _, rows = repository.delete(evaluation.id)
    assert rows.startswith(f"tenants/acme/evaluations/{evaluation.id}-")


def test_an_evaluation_that_fails_keeps_its_answers_and_partial_results(shop):
    def crash() -> None:
        raise ZeroDivisionError

    evaluation = shop.queue_evaluation(BASE, PLAIN, rows=MANY_ROWS)

    work(with_failpoint(shop, at_batch(3, crash)))

    found = get(shop, evaluation)
    assert (found.state, "ZeroDivisionError" in found.failure.message) == (JobState.FAILED, True)
    check_partial(shop, evaluation)


def test_an_evaluation_that_is_cancelled_between_two_turns_is_scored_by_its_next_worker(shop):
    evaluation = shop.queue_evaluation(BASE, PLAIN, rows=MANY_ROWS)
    let_wait(shop.workshop.database, evaluation)
    repository = EvaluationRepository(shop.workshop.database, "acme")
    seen: list[JobState] = []

    def let_another_tenant_come() -> None:
        let_wait(shop.workshop.database, shop.queue_evaluation(BASE, tenant="rival"))

    third = at_batch(3, let_another_tenant_come)

    def failpoint(moment: str) -> None:
        third(moment)
        if moment == "queue.hand_over.after_commit" and not seen:
            seen.append(repository.request_cancel(evaluation.id).state)

    disturbed = with_failpoint(shop, failpoint).with_queue(lambda db: JobQueue(db, failpoint=failpoint))
    log = work(disturbed, turn_seconds=1e-9, max_runs_per_worker=1)

    assert ("evaluation_yielded", evaluation.id) in log
    assert (seen, get(shop, evaluation).state) == ([JobState.CANCELLING], JobState.CANCELLED)
    assert get(shop, evaluation).results.partial
    assert len(rows_of(shop, get(shop, evaluation))) >= 2 * BATCH_ROWS


@pytest.mark.parametrize("moment", ["answers.keep.before_commit", "answers.keep.after_commit"])
def test_a_worker_that_is_killed_while_it_keeps_answers_leaves_that_to_the_next_one(shop, tmp_path: Path, moment: str):
    evaluation = shop.queue_evaluation(BASE, PLAIN, rows=MANY_ROWS)
    kill_worker(shop, tmp_path / "log", Kill("answers.add.after_commit", 3))
    EvaluationRepository(shop.workshop.database, "acme").request_cancel(evaluation.id)
    let_leases_expire(shop.workshop.database)

    kill_worker(shop, tmp_path / "second log", Kill(moment, 1))
    before = get(shop, evaluation).rows
    let_leases_expire(shop.workshop.database)
    work(shop)

    found = get(shop, evaluation)
    assert found.state is JobState.CANCELLED
    check_partial(shop, evaluation)
    assert (before is None) == (moment == "answers.keep.before_commit")
    assert before is None or before.artifact != found.rows.artifact
    deletions = ArtifactDeletions(database=shop.workshop.database, artifacts=shop.workshop.artifacts)
    assert before is None or deletions.is_noted(before.artifact)


def test_an_evaluation_that_ends_without_an_answer_has_no_results(shop):
    evaluation = shop.queue_evaluation(dataclasses.replace(BASE, instruction="word " * 4000))

    work(shop)

    found = get(shop, evaluation)
    assert (found.results.systems, found.results.partial, found.rows) == ((), False, None)


def test_an_evaluation_whose_model_was_deleted_fails_and_names_it(shop):
    tuned = tuned_system(shop)
    evaluation = shop.queue_evaluation(tuned)
    TunedModelRepository(shop.workshop.database, "acme").delete(tuned.tuned_model)

    work(shop)

    found = get(shop, evaluation)
    assert found.state is JobState.FAILED
    assert found.failure is not None
    assert found.failure.reason == "MODEL_DELETED"
    assert tuned.tuned_model in found.failure.message


def test_a_prompt_without_room_for_the_inputs_fails_and_names_the_system(shop):
    evaluation = shop.queue_evaluation(dataclasses.replace(BASE, instruction="word " * 4000))

    work(shop)

    failure = get(shop, evaluation).failure
    assert failure is not None
    assert failure.reason == "PROMPT_TOO_LONG"
    assert "base" in failure.message


def test_an_evaluation_yields_to_another_tenant_and_goes_on_where_it_was(shop):
    evaluation = shop.queue_evaluation(BASE, rows=MANY_ROWS)
    let_wait(shop.workshop.database, evaluation)
    rivals: list[Evaluation] = []

    def failpoint(moment: str) -> None:
        if moment == "answers.add.after_commit" and not rivals:
            rivals.append(shop.queue_evaluation(BASE, tenant="rival"))
            let_wait(shop.workshop.database, rivals[0])

    shop = dataclasses.replace(shop, workshop=dataclasses.replace(shop.workshop, failpoint=failpoint))
    log = work(shop, turn_seconds=1e-9, max_runs_per_worker=1)

    events = [event for event, id in log if id == evaluation.id]
    assert events[:3] == ["evaluation_leased", "evaluation_yielded", "evaluation_leased"]
    assert get(shop, evaluation).state is get(shop, rivals[0]).state is JobState.SUCCEEDED
    assert len(rows_of(shop, get(shop, evaluation))) == len(MANY_ROWS)


def test_an_evaluation_and_a_run_share_a_worker(shop):
    run = shop.queue_run(num_epochs=2)
    evaluation = shop.queue_evaluation(BASE)
    for job in (run, evaluation):
        let_wait(shop.workshop.database, job)

    log = work(shop)

    assert [event for event, _ in log].count("base_model_loaded") <= 1
    assert log[1][0] in ("evaluation_leased", "experiment_leased")
    assert get(shop, evaluation).state is JobState.SUCCEEDED
    assert ExperimentRepository(shop.workshop.database, "acme").get(run.id).state is JobState.SUCCEEDED
