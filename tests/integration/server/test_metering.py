"""The usage that the service sums up is what its clients have received, also if servers are killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
import pytest

from factories.api import create_batch_job, create_evaluation, deployed, upload
from factories.metering import REQUESTS, Tally, usage_of
from factories.servers import RunningServer
from factories.service_process import ServiceProcess
from factories.waiting import wait_until
from foreword.v1 import (
    batch_job_service_pb2,
    evaluation_service_pb2,
    inference_service_pb2,
    usage_pb2,
    usage_service_pb2,
)

BASE = "baseModels/foreword--starter"
SHORT = {"max_new_tokens": 2}


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    return start_server()


def stubs_of(server: RunningServer, tenant: str) -> Any:
    return server.stubs(server.new_key(tenant))


def generate(stubs: Any, model: str, text: str = "Where is my order?") -> Any:
    return stubs.inference.Generate(
        inference_service_pb2.GenerateRequest(model=model, text=text, parameters=SHORT), timeout=30
    )


def test_answers_of_every_kind_are_counted_by_the_model_that_gave_them(server: RunningServer):
    stubs = stubs_of(server, "every-kind")
    deployment = deployed(server, stubs, "counted")
    before = usage_of(stubs)
    tally = Tally()
    tally.add(deployment.model, generate(stubs, "counted").usage)
    stream = inference_service_pb2.StreamGenerateRequest(model=BASE, text="x", parameters=SHORT)
    tally.add(BASE, list(stubs.inference.StreamGenerate(stream))[-1].usage)
    classify = inference_service_pb2.ClassifyRequest(model=BASE, text="x", labels=["good", "bad"])
    tally.add(BASE, stubs.inference.Classify(classify).usage)
    batch = inference_service_pb2.BatchGenerateRequest(
        model=BASE, requests=[{"text": "x"}, {"text": ""}, {"text": "y"}], parameters=SHORT
    )
    for result in stubs.inference.BatchGenerate(batch).results:
        if result.HasField("response"):
            tally.add(BASE, result.response.usage)
    with pytest.raises(grpc.RpcError):
        generate(stubs, BASE, text="")
    stubs.inference.Tokenize(inference_service_pb2.TokenizeRequest(model=BASE, text="x"))

    found = usage_of(stubs)
    found.subtract(before)
    assert +found == +tally.amounts
    assert tally.amounts[BASE, REQUESTS] == 4
    assert tally.amounts[deployment.model, "VIRTUAL_TOKENS"] > 0


def test_a_stream_that_its_caller_leaves_is_counted_up_to_there(server: RunningServer):
    stubs = stubs_of(server, "leaver")
    long = {"min_new_tokens": 100, "max_new_tokens": 100}
    stream = stubs.inference.StreamGenerate(
        inference_service_pb2.StreamGenerateRequest(model=BASE, text="x", parameters=long)
    )
    for _ in range(20):
        next(stream)
    stream.cancel()

    wait_until(lambda: usage_of(stubs)[BASE, REQUESTS] == 1)
    whole = generate(stubs, BASE, "x").usage
    found = usage_of(stubs)
    assert found[BASE, "INPUT_TOKENS"] == 2 * whole.input_tokens
    assert 19 <= found[BASE, "OUTPUT_TOKENS"] - whole.generated_tokens <= 100


def test_usage_is_listed_by_tenant_day_and_kind(server: RunningServer):
    for tenant in ("first", "second"):
        generate(stubs_of(server, tenant), BASE)
    stubs = server.stubs()
    request = usage_service_pb2.ListUsageRequest(
        parent="tenants/-",
        filter="kind = REQUESTS AND (tenant = first OR tenant = second)",
        group_by=[usage_pb2.USAGE_FIELD_TENANT],
        order_by="tenant",
    )
    found = stubs.usage.ListUsage(request).usage
    assert [(item.tenant, item.day, item.model, item.amount) for item in found] == [
        ("tenants/first", "", "", 1.0),
        ("tenants/second", "", "", 1.0),
    ]
    own = usage_of(stubs_of(server, "first"))
    assert own[BASE, REQUESTS] == 1


def test_evaluations_and_batch_jobs_cost_the_tokens_of_their_answers_also_when_they_are_deleted(
    server: RunningServer,
):
    stubs = stubs_of(server, "jobs")
    dataset = upload(stubs).name
    evaluation, batch_job = create_evaluation(stubs, dataset).name, create_batch_job(stubs, dataset).name
    server.evaluate(evaluation)
    server.evaluate(batch_job)
    answers = stubs.batch_jobs.ListBatchAnswers(
        batch_job_service_pb2.ListBatchAnswersRequest(name=batch_job, page_size=1000)
    ).answers
    hours = sum(
        item.capacity_unit_hours
        for item in (
            stubs.evaluations.GetEvaluation(evaluation_service_pb2.GetEvaluationRequest(name=evaluation)),
            stubs.batch_jobs.GetBatchJob(batch_job_service_pb2.GetBatchJobRequest(name=batch_job)),
        )
    )
    stubs.batch_jobs.DeleteBatchJob(batch_job_service_pb2.DeleteBatchJobRequest(name=batch_job))
    stubs.evaluations.DeleteEvaluation(evaluation_service_pb2.DeleteEvaluationRequest(name=evaluation))

    found = usage_of(stubs)
    assert len(answers) == 30
    tokens = sum(item.usage.input_tokens + item.usage.generated_tokens for item in answers)
    assert found[BASE, "BATCH_TOKENS"] == tokens > 0
    assert found[BASE, "EVALUATION_TOKENS"] > 0
    assert found[BASE, "CAPACITY_UNIT_HOURS"] == pytest.approx(hours)
    assert found[BASE, REQUESTS] == 0


def test_an_unknown_or_repeated_group_is_refused(server: RunningServer):
    request = usage_service_pb2.ListUsageRequest(group_by=[usage_pb2.USAGE_FIELD_DAY] * 2 + [77])
    with pytest.raises(grpc.RpcError, match=r"group_by\[1\].*group_by\[2\]"):
        server.stubs().usage.ListUsage(request)


def test_two_servers_of_one_database_add_up(start_server, tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    first, second = (start_server(database_url=url) for _ in range(2))
    key = first.new_key("acme")
    for server in (first, second, second):
        generate(server.stubs(key), BASE)
    second.stop()  # its last batch

    assert usage_of(first.stubs(key))[BASE, REQUESTS] == 3


class Sender(threading.Thread):
    """A client that sends requests one after the other and counts what it receives.

    Attributes:
        unanswered: Requests that may have been answered although no answer arrived.
    """

    def __init__(self, stubs: Any, count: int) -> None:
        super().__init__()
        self.tally, self.unanswered = Tally(), 0
        self._stubs, self._count = stubs, count

    def run(self) -> None:
        for number in range(self._count):
            try:
                answer = generate(self._stubs, BASE, f"Complaint {number}")
            except grpc.RpcError:
                self.unanswered += 1
                return
            self.tally.add(BASE, answer.usage)


def send_until_killed(service: ServiceProcess, wanted: int, senders: int) -> tuple[Tally, int]:
    """Send requests and kill the server when so many were answered.

    Returns:
        What was received, and the number of requests without an answer.
    """
    threads = [Sender(service.stubs("dev"), 10 * wanted) for _ in range(senders)]
    for thread in threads:
        thread.start()
    while sum(thread.tally.amounts[BASE, REQUESTS] for thread in threads) < wanted:
        assert any(thread.is_alive() for thread in threads)
        time.sleep(0.002)
    os.kill(service.pid, signal.SIGKILL)
    for thread in threads:
        thread.join()
    return sum((thread.tally for thread in threads), Tally()), sum(thread.unanswered for thread in threads)


def check(received: Tally, unanswered: int, found: Counter[Any]) -> None:
    """Check that every acknowledged request is counted once, and one without an answer at most once."""
    extra = found[BASE, REQUESTS] - received.amounts[BASE, REQUESTS]
    assert 0 <= extra <= unanswered
    if extra == 0:
        assert found == received.amounts
    for kind in ("INPUT_TOKENS", "OUTPUT_TOKENS"):
        assert found[BASE, kind] >= received.amounts[BASE, kind]


def test_acknowledged_requests_are_counted_once_although_the_server_is_killed(start_server, tmp_path: Path):
    with ServiceProcess(tmp_path / "home") as service:
        received, unanswered = send_until_killed(service, wanted=200, senders=4)

    found = usage_of(start_server(home=tmp_path / "home").stubs())

    assert received.amounts[BASE, REQUESTS] >= 200
    check(received, unanswered, found)


@pytest.mark.soak
def test_ten_thousand_requests_and_three_kills_are_counted_exactly(start_server, tmp_path: Path):
    received, unanswered = Tally(), 0
    for wanted in (3_000, 3_500, 3_500):
        with ServiceProcess(tmp_path / "home") as service:
            more, lost = send_until_killed(service, wanted=wanted, senders=8)
        received, unanswered = received + more, unanswered + lost

    found = usage_of(start_server(home=tmp_path / "home").stubs())

    print(f"\nreceived {+received.amounts}, without an answer {unanswered}, summed up {+found}")
    assert received.amounts[BASE, REQUESTS] >= 10_000
    check(received, unanswered, found)
