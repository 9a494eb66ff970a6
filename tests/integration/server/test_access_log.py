"""The access log: one line for each RPC, with any outcome."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from factories.api import create_experiment, refused, upload
from factories.logs import log_briefly
from factories.servers import RunningServer
from factories.waiting import PATIENCE_SECONDS
from foreword.domain.tenant import Scope
from foreword.observability.logging import configure
from foreword.v1 import inference_service_pb2 as inference
from foreword.v1 import tenant_service_pb2
from foreword.v1.tune_experiment_service_pb2 import WatchTuneExperimentRequest

BASE = "baseModels/foreword--starter"
GUIDE = Path(__file__).parents[3] / "deploy" / "README.md"
WHO = tenant_service_pb2.WhoAmIRequest()


@pytest.fixture(scope="module")
def server(start_server: Any) -> RunningServer:
    return start_server(access_log=True)


Logged = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Logged]:
    """Wait for the lines of a request id, and return them."""
    path = tmp_path / "log"

    def lines(request_id: str, seconds: float = PATIENCE_SECONDS) -> list[dict[str, Any]]:
        end = time.monotonic() + seconds
        while True:
            found = [json.loads(line) for line in path.read_text().splitlines()]
            found = [line for line in found if line["event"] == "rpc" and line["request_id"] == request_id]
            if found or time.monotonic() > end:
                return found
            time.sleep(0.05)

    with path.open("w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        configure("info", "json")
        yield lines
        log_briefly()


def with_id(request_id: str) -> list[tuple[str, str]]:
    return [("x-request-id", request_id)]


def test_an_answered_request_has_one_line_as_the_guide_shows_it(server: RunningServer, logged: Logged) -> None:
    key = server.new_key("acme", [Scope.INFER])
    request = inference.GenerateRequest(model=BASE, text="My secret text", parameters={"max_new_tokens": 3})
    answer = server.stubs(key).inference.Generate(request, metadata=with_id("one"))

    (line,) = logged("one")
    (example,) = re.findall(r"<!-- test: access log -->\n```json\n(.*?)\n```", GUIDE.read_text(), re.DOTALL)
    shown = json.loads(example)
    assert list(line) == list(shown)
    assert {name: type(value) for name, value in line.items()} == {name: type(value) for name, value in shown.items()}
    same = ("event", "component", "level", "method", "tenant", "code", "reason", "error_id")
    assert {name: line[name] for name in same} == {name: shown[name] for name in same}
    assert line["key_id"] == key.split("_")[1]
    assert (line["input_tokens"], line["generated_tokens"]) == (
        answer.usage.input_tokens,
        answer.usage.generated_tokens,
    )
    assert line["milliseconds"] > 0
    assert line["peer"].startswith("ipv4:127.0.0.1:")
    assert not [part for part in ("secret text", key) if part in json.dumps(line)]


def test_the_guide_describes_every_field(server: RunningServer, logged: Logged) -> None:
    server.stubs().tenants.WhoAmI(WHO, metadata=with_id("fields"))

    (line,) = logged("fields")
    section = GUIDE.read_text().partition("## Access log")[2].partition("\n## ")[0]
    described = set(re.findall(r"`(\w+)`", section))
    assert set(line) - described - {"component", "event", "level", "timestamp"} == set()


def test_a_refused_request_has_its_code_and_reason_and_no_tenant(server: RunningServer, logged: Logged) -> None:
    refused(server.stubs("fw_nobody_wrong").tenants.WhoAmI, WHO, metadata=with_id("refused"))

    (line,) = logged("refused")
    assert (line["code"], line["reason"], line["tenant"]) == ("UNAUTHENTICATED", "API_KEY_INVALID", "")


def test_a_key_without_the_scope_is_named(server: RunningServer, logged: Logged) -> None:
    key = server.new_key("acme", [Scope.READ])
    request = inference.TokenizeRequest(model=BASE, text="x")
    refused(server.stubs(key).inference.Tokenize, request, metadata=with_id("scope"))

    (line,) = logged("scope")
    assert (line["code"], line["tenant"], line["key_id"]) == ("PERMISSION_DENIED", "acme", key.split("_")[1])


def test_a_batch_counts_the_tokens_of_all_its_answers(server: RunningServer, logged: Logged) -> None:
    request = inference.BatchGenerateRequest(
        model=BASE, requests=[{"text": "One"}, {"text": "Two words"}], parameters={"max_new_tokens": 2}
    )
    answer = server.stubs().inference.BatchGenerate(request, metadata=with_id("batch"))

    (line,) = logged("batch")
    usages = [result.response.usage for result in answer.results]
    assert line["input_tokens"] == sum(usage.input_tokens for usage in usages)
    assert line["generated_tokens"] == sum(usage.generated_tokens for usage in usages)


def test_a_stream_has_one_line_at_its_end(server: RunningServer, logged: Logged) -> None:
    request = inference.StreamGenerateRequest(model=BASE, text="One", parameters={"max_new_tokens": 4})
    pieces = list(server.stubs().inference.StreamGenerate(request, metadata=with_id("stream")))

    (line,) = logged("stream")
    assert line["code"] == "OK"
    assert line["generated_tokens"] == pieces[-1].usage.generated_tokens


def test_a_cancelled_watch_has_a_line(server: RunningServer, logged: Logged) -> None:
    stubs = server.stubs()
    name = create_experiment(stubs, upload(stubs).name).name
    call = stubs.experiments.WatchTuneExperiment(WatchTuneExperimentRequest(name=name), metadata=with_id("watch"))
    next(call)
    call.cancel()

    (line,) = logged("watch")
    assert (line["code"], line["tenant"]) == ("CANCELLED", "dev")


def test_a_request_whose_deadline_passes_has_a_line(server: RunningServer, logged: Logged) -> None:
    stubs = server.stubs()
    name = create_experiment(stubs, upload(stubs).name).name
    request = WatchTuneExperimentRequest(name=name)
    refused(stubs.experiments.WatchTuneExperiment, request, timeout=2.0, metadata=with_id("late"))

    (line,) = logged("late")
    assert line["code"] == "DEADLINE_EXCEEDED"
    assert line["milliseconds"] > 300


def test_a_fault_of_the_service_has_the_id_of_its_log_entry(start_server: Any, logged: Logged) -> None:
    broken = start_server(access_log=True)
    stubs = broken.stubs()
    stubs.tenants.WhoAmI(WHO)
    broken.server._tenants.find_key_and_tenant = None  # what nobody foresees
    failure = refused(broken.stubs(f"fw_{0:016x}_{'x' * 43}").tenants.WhoAmI, WHO, metadata=with_id("fault"))

    (line,) = logged("fault")
    assert (line["code"], line["error_id"]) == ("INTERNAL", failure.metadata["error_id"])


def test_health_checks_are_not_logged_nor_anything_without_the_setting(
    server: RunningServer, start_server: Any, logged: Logged
) -> None:
    health_pb2_grpc.HealthStub(server.channel()).Check(health_pb2.HealthCheckRequest(), metadata=with_id("health"))
    start_server().stubs().tenants.WhoAmI(WHO, metadata=with_id("off"))
    server.stubs().tenants.WhoAmI(WHO, metadata=with_id("on"))

    assert len(logged("on")) == 1
    assert logged("health", seconds=0.0) == logged("off", seconds=0.0) == []
