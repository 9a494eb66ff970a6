"""The metrics of a running server, read as Prometheus reads them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf import message_factory

from factories.api import create_evaluation, create_experiment, deployed, refused, upload
from factories.logs import captured_logs
from factories.rpcs import every_rpc, rpc_of
from factories.scrapes import Scrape, scrape
from factories.servers import RunningServer
from factories.waiting import PATIENCE_SECONDS, wait_until
from foreword.observability.loop_watchdog import Hold
from foreword.v1 import inference_service_pb2 as inference
from foreword.v1 import tenant_service_pb2

BASE = "baseModels/foreword--starter"
DURATION = "foreword_request_duration_seconds_count"


@pytest.fixture(scope="module")
def server(start_server: Any) -> RunningServer:
    return start_server(metrics=True, metrics_port=0)


@pytest.fixture
def scraped(server: RunningServer) -> Callable[[], Scrape]:
    return lambda: scrape(server.metrics.port)


def call(stubs: Any, method: Any) -> None:
    """Call an RPC with an empty request, whatever the answer."""
    request = message_factory.GetMessageClass(method.input_type)()
    with contextlib.suppress(grpc.RpcError):
        answer = rpc_of(stubs, method)(
            iter([request]) if method.client_streaming else request, timeout=PATIENCE_SECONDS
        )
        if method.server_streaming:
            next(iter(answer), None)
            answer.cancel()


def test_every_rpc_has_a_duration_with_its_code(server: RunningServer, scraped: Callable[[], Scrape]) -> None:
    stubs = server.stubs()
    for method in every_rpc():
        call(stubs, method)

    names = {f"{method.containing_service.name}/{method.name}" for method in every_rpc()}
    wait_until(lambda: scraped().labels(DURATION, "rpc") == names)  # an error is counted once it is sent


def test_an_answer_of_a_deployment_is_counted_for_its_tenant(
    server: RunningServer, scraped: Callable[[], Scrape]
) -> None:
    stubs = server.stubs()
    deployed(server, stubs, "counted")
    before = scraped()
    request = inference.GenerateRequest(model="counted", text="My secret text", parameters={"max_new_tokens": 6})
    answer = stubs.inference.Generate(request)
    request = inference.ClassifyRequest(model=BASE, text="My secret text", labels=["good", "bad"])
    stubs.inference.Classify(request)
    request = inference.GenerateRequest(model=BASE, text="My secret text", parameters={"max_new_tokens": 6})
    generated = stubs.inference.Generate(request).usage.generated_tokens
    after = scraped()

    def grown(name: str, **labels: str) -> float:
        return after.value(name, **labels) - before.value(name, **labels)

    mine = {"tenant": "dev", "deployment": "counted"}
    assert grown("foreword_inference_requests_total", outcome="ok", **mine) == 1
    assert grown("foreword_tokens_total", direction="input", **mine) == answer.usage.input_tokens
    assert grown("foreword_tokens_total", direction="soft_prompt", **mine) == answer.usage.soft_prompt_tokens > 0
    assert grown("foreword_tokens_total", direction="generated", **mine) == answer.usage.generated_tokens
    assert grown("foreword_inference_requests_total", tenant="dev", deployment="") == 2
    assert grown(DURATION, rpc="InferenceService/Generate", code="OK") == 2
    assert grown("foreword_queue_seconds_count") == 3
    assert grown("foreword_time_to_first_token_seconds_count") == 1
    assert grown("foreword_time_per_output_token_seconds_count") == (generated > 1)
    assert grown("foreword_batch_size_count", work="decode") >= generated - 1 > 0
    assert grown("foreword_batch_size_count", work="score") == 2
    assert after.value("foreword_model_resident", base_model="foreword--starter") == 1
    assert after.value("foreword_model_resident_bytes", base_model="foreword--starter") > 1_000_000
    assert after.value("foreword_prompt_cache_bytes") > 0
    assert after.value("foreword_prompt_cache_misses_total") + after.value("foreword_prompt_cache_hits_total") > 0
    assert grown("foreword_database_transaction_seconds_count", use="read") > 0
    assert "secret text" not in after.text


def test_the_requests_of_a_batch_are_counted_one_by_one(server: RunningServer, scraped: Callable[[], Scrape]) -> None:
    before = scraped().value("foreword_inference_requests_total", tenant="batcher")
    request = inference.BatchGenerateRequest(
        model=BASE,
        requests=[{"text": "One"}, {"text": "Two"}, {"text": "x" * 100_000}],
        parameters={"max_new_tokens": 2},
    )
    server.stubs(server.new_key("batcher")).inference.BatchGenerate(request)
    after = scraped()

    assert after.value("foreword_inference_requests_total", tenant="batcher") - before == 3
    assert after.value("foreword_inference_requests_total", tenant="batcher", outcome="error") == 1
    assert after.value(DURATION, rpc="InferenceService/BatchGenerate", code="OK") == 1


def test_a_refused_call_is_counted_by_its_reason_and_for_no_tenant(
    server: RunningServer, scraped: Callable[[], Scrape]
) -> None:
    refused(server.stubs("fw_nobody_wrong").tenants.WhoAmI, tenant_service_pb2.WhoAmIRequest())
    wait_until(lambda: scraped().value(DURATION, rpc="TenantService/WhoAmI", code="UNAUTHENTICATED") == 1)
    after = scraped()

    assert after.value("foreword_rejected_total", reason="API_KEY_INVALID") == 1
    assert after.value("foreword_tenant_requests_total", code="UNAUTHENTICATED") == 0
    assert "fw_nobody" not in after.text


def test_jobs_are_counted_by_kind_state_and_tenant(server: RunningServer, scraped: Callable[[], Scrape]) -> None:
    stubs = server.stubs()
    before = scraped().value("foreword_jobs", kind="tune", state="queued")
    dataset = upload(stubs).name
    create_experiment(stubs, dataset)
    create_evaluation(stubs, dataset)
    after = scraped()

    assert after.value("foreword_jobs", kind="tune", state="queued") == before + 1
    assert after.value("foreword_tenant_jobs", tenant="dev", kind="evaluate", state="queued") == 1
    assert after.value("foreword_oldest_queued_job_seconds", kind="evaluate") > 0


def test_a_hold_of_the_event_loop_is_counted(server: RunningServer, scraped: Callable[[], Scrape]) -> None:
    before = scraped().value("foreword_event_loop_holds_total")
    server.server.holds.add(Hold(seconds=7.0, task=None, place="", innermost="somewhere"))
    after = scraped()

    assert after.value("foreword_event_loop_holds_total") == before + 1
    assert after.value("foreword_event_loop_longest_hold_seconds") == 7.0


def test_a_port_in_use_is_a_warning_and_the_server_runs(start_server: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with captured_logs() as logs:
            other = start_server(metrics=True, metrics_port=port)

    (warning,) = [line for line in logs if line["event"] == "metrics_not_served"]
    assert (warning["first_port"], warning["ports_tried"]) == (port, 1)
    assert "FOREWORD_METRICS_PORT" in warning["remedy"]
    assert other.stubs().tenants.WhoAmI(tenant_service_pb2.WhoAmIRequest()).tenant == "tenants/dev"
