"""Calls that the service breaks off, and tenants that ask for much at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures

import grpc
import pytest

import foreword.http.app
from factories.http import RunningHttp, running_http
from factories.servers import RunningServer
from factories.waiting import wait_until
from foreword.v1 import inference_service_pb2_grpc

BASE = "baseModels/foreword--starter"
CHAT = {"model": BASE, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
ONE = {"model": BASE, "prompt": "Hello", "max_tokens": 1, "temperature": 1}


class BreaksOff(inference_service_pb2_grpc.InferenceServiceServicer):
    """A service that cancels every call."""

    def Generate(self, request: object, context: grpc.ServicerContext) -> None:
        context.abort(grpc.StatusCode.CANCELLED, "overloaded")

    def StreamGenerate(self, request: object, context: grpc.ServicerContext) -> None:
        context.abort(grpc.StatusCode.CANCELLED, "overloaded")


@pytest.fixture
def broken() -> Iterator[RunningHttp]:
    service = grpc.server(futures.ThreadPoolExecutor(2))
    inference_service_pb2_grpc.add_InferenceServiceServicer_to_server(BreaksOff(), service)
    port = service.add_insecure_port("127.0.0.1:0")
    service.start()
    running = RunningHttp(f"http://127.0.0.1:{port}")
    yield running
    running.close()
    service.stop(0)


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_that_the_service_breaks_off_is_an_error_that_clients_repeat(broken: RunningHttp, stream: bool):
    status, error = broken.refused("POST", "/v1/chat/completions", {**CHAT, "stream": stream})

    assert (status, error["type"], error["reason"]) == (503, "server_error", "CANCELLED")
    assert error["message"] == "The service has broken off the answer. Try again."


def test_choices_that_are_open_leave_room_for_those_of_other_tenants(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(foreword.http.app, "MAX_OPEN_CALLS", 6)
    many = {"model": BASE, "prompt": ["Hello"] * 4, "max_tokens": 480, "temperature": 2, "seed": 1}
    key = server.new_key("many-at-once")
    with running_http(server) as http, http.client(key) as ai:
        with ai.completions.create(**many, stream=True) as held:
            next(iter(held))

            answer = http.send("POST", "/v1/completions", {**many, "max_tokens": 1}, key=key)
            assert (answer.status, answer.body["error"]["reason"]) == (429, "TOO_MANY_CHOICES")
            assert int(answer.headers["retry-after"]) >= 1
            assert http.send("POST", "/v1/completions", {**ONE, "n": 2}, key=key).status == 200
            assert http.send("POST", "/v1/chat/completions", {**CHAT, "n": 3}).status == 200

        def is_free_again() -> bool:
            return http.send("POST", "/v1/completions", {**many, "max_tokens": 1}, key=key).status == 200

        wait_until(is_free_again)
