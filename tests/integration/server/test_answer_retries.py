"""RetryEvaluation and RetryBatchJob on a real server, their commands and the client."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from factories.api import (
    cancelled_batch_job,
    cancelled_evaluation,
    create_batch_job,
    create_evaluation,
    refused,
    upload,
)
from factories.servers import RunningServer
from factories.stored import beat
from factories.stored_answering import answer_rows
from foreword.cli.application import run
from foreword.client import Client
from foreword.domain.evaluation import EvaluationProgress
from foreword.domain.tenant import Scope
from foreword.errors import FailedPreconditionError
from foreword.v1 import batch_job_service_pb2, evaluation_pb2, evaluation_service_pb2

BASE = "baseModels/foreword--starter"
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    found: RunningServer = start_server()
    return found


@pytest.fixture(scope="module")
def stubs(server: RunningServer) -> Any:
    return server.stubs()


@pytest.fixture(scope="module")
def dataset(stubs) -> str:
    name: str = upload(stubs).name
    return name


def retry_evaluation(stubs: Any, name: str, **fields: Any) -> Any:
    return stubs.evaluations.RetryEvaluation(evaluation_service_pb2.RetryEvaluationRequest(name=name, **fields))


def retry_batch_job(stubs: Any, name: str, **fields: Any) -> Any:
    return stubs.batch_jobs.RetryBatchJob(batch_job_service_pb2.RetryBatchJobRequest(name=name, **fields))


def cancel_evaluation(stubs: Any, name: str) -> Any:
    return stubs.evaluations.CancelEvaluation(evaluation_service_pb2.CancelEvaluationRequest(name=name))


def cancel_batch_job(stubs: Any, name: str) -> Any:
    return stubs.batch_jobs.CancelBatchJob(batch_job_service_pb2.CancelBatchJobRequest(name=name))


def at(moment: str, call: Callable[[], object]) -> Callable[[str], None]:
    """Return a failpoint that calls a function at a moment."""

    def failpoint(reached: str) -> None:
        if reached == moment:
            call()

    return failpoint


def test_a_retried_evaluation_goes_on_with_the_answers_of_the_first(server, stubs, dataset: str) -> None:
    shots = {"model": BASE, "shots": 1}
    first = create_evaluation(stubs, dataset, BASE, shots, examples_dataset=dataset, display_name="night").name
    server.evaluate(first, at("answers.add.after_commit", lambda: cancel_evaluation(stubs, first)))

    made = retry_evaluation(stubs, first, evaluation_id="again")
    server.evaluate(made.name)

    get = evaluation_service_pb2.GetEvaluationRequest
    ended = stubs.evaluations.GetEvaluation(get(name=made.name))
    listed = stubs.evaluations.ListEvaluations(
        evaluation_service_pb2.ListEvaluationsRequest(filter=f'retry_of = "{first}"')
    )
    assert (made.name, made.display_name, made.retry_of) == ("tenants/dev/evaluations/again", "night (2)", first)
    assert (made.resumed_count, made.capacity_unit_hours) == (30, 0.0)
    assert [(item.row_count, ended.partial) for item in ended.results] == [(30, False)] * 2
    assert ended.capacity_unit_hours > 0
    assert [item.name for item in listed.evaluations] == [made.name]


def test_an_evaluation_that_was_cancelled_without_a_worker_says_that_a_retry_has_its_answers(
    server, stubs, dataset: str
) -> None:
    name = create_evaluation(stubs, dataset).name
    lease = server.queue.lease("by hand", MINUTE)
    answer_rows(server.database, server.artifacts, lease)
    beat(server.queue, lease, duration=MINUTE, progress=EvaluationProgress(answered_count=2, total_count=30))
    server.queue.release(lease)

    cancelled = cancel_evaluation(stubs, name)
    without_rows = refused(
        stubs.evaluations.ListEvaluationRows, evaluation_service_pb2.ListEvaluationRowsRequest(name=name)
    )
    made = retry_evaluation(stubs, name)
    cancel_evaluation(stubs, made.name)

    assert evaluation_pb2.Evaluation.State.Name(cancelled.state) == "STATE_CANCELLED"
    assert f"foreword evaluations retry {name.rsplit('/', 1)[1]}" in without_rows.message
    assert (made.resumed_count, made.progress.answered_count) == (2, 2)


def test_a_key_without_read_retries_only_what_it_has_made(server, stubs) -> None:
    writers = [server.stubs(server.new_key("answering", [Scope.WRITE])) for _ in range(2)]
    rows = upload(writers[0]).name
    evaluation, job = cancelled_evaluation(writers[0], rows), cancelled_batch_job(writers[0], rows)

    made = retry_evaluation(writers[0], evaluation), retry_batch_job(writers[0], job)
    others = [
        refused(lambda _: retry_evaluation(writers[1], evaluation), None),
        refused(lambda _: retry_batch_job(writers[1], job), None),
    ]
    cancel_evaluation(writers[0], made[0].name)
    cancel_batch_job(writers[0], made[1].name)

    assert [item.retry_of for item in made] == [evaluation, job]
    assert {failure.code.name for failure in others} == {"NOT_FOUND"}


def test_the_commands_say_where_a_retry_begins(server, stubs, dataset: str, monkeypatch, capsys) -> None:
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", "dev")
    monkeypatch.setenv("COLUMNS", "200")
    evaluation = cancelled_evaluation(stubs, dataset, display_name="compared")
    job = create_batch_job(stubs, dataset, classify={"labels": ["a", "b"]}, display_name="answered").name
    server.evaluate(job, at("batch.add.after_commit", lambda: cancel_batch_job(stubs, job)))
    jobs_id, evaluations_id = job.rsplit("/", 1)[1], evaluation.rsplit("/", 1)[1]

    def call(*arguments: str) -> str:
        assert run(arguments) == 0
        return capsys.readouterr().out

    shown = call("evaluations", "show", evaluation), call("batches", "show", job)
    repeated = call("evaluations", "retry", "compared (1)", "--no-wait")
    continued = call("batches", "retry", "answered (1)", "--no-wait")
    anew = json.loads(call("batches", "retry", job, "--from-beginning", "--no-wait", "--json"))
    of_second = call("batches", "show", "answered (2)")
    for name in ("answered (2)", "answered (3)"):
        call("batches", "cancel", name)
    call("evaluations", "cancel", "compared (2)")

    assert f"Retry it with: foreword evaluations retry {evaluations_id}" in shown[0]
    assert f"Retry it with: foreword batches retry {jobs_id}" in shown[1]
    assert f"compared (2) repeats {evaluations_id} from the beginning." in repeated
    assert "Queued. Watch it with: foreword evaluations watch " in repeated
    assert f"answered (2) continues {jobs_id} after 30 of 30 rows." in continued
    assert (anew["retry_of"], anew["resumed_count"]) == (job, 0)
    assert f"continues {jobs_id} after 30 of 30 rows" in of_second
    assert run(("batches", "retry", "nothing")) == 1
    assert "nothing" in capsys.readouterr().err


def test_the_client_retries_by_display_name(server, stubs, dataset: str) -> None:
    cancelled_evaluation(stubs, dataset, display_name="by name")
    cancelled_batch_job(stubs, dataset, display_name="by name")

    with Client(server.endpoint, "dev") as client:
        evaluation = client.retry_evaluation("by name (1)", evaluation_id="by-name")
        job = client.retry_batch_job("by name (1)", batch_job_id="by-name")
        for retry, made in ((client.retry_evaluation, evaluation), (client.retry_batch_job, job)):
            with pytest.raises(FailedPreconditionError, match="cancel it, then retry it"):
                retry(made)
        client.cancel_evaluation(evaluation)
        client.cancel_batch_job(job)

    assert (evaluation.name, job.name) == ("tenants/dev/evaluations/by-name", "tenants/dev/batchJobs/by-name")
    assert evaluation.resumed_count == job.resumed_count == 0
