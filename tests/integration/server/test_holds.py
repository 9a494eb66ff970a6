"""Requests that hold the event loop are named in the log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from factories.servers import EventLoopThread, RunningServer
from foreword.client.proxy import DIRECT
from foreword.observability.loop_watchdog import Hold, LoopWatchdog
from foreword.server.calls.call_record import current_record
from foreword.server.calls.hold_log import HoldLog
from foreword.server.calls.interceptors import CallInterceptor, answer_errors
from foreword.server.calls.message_coding import MessageCoder
from foreword.server.calls.outcomes import Outcomes
from foreword.turns.turn_pool import TurnPool
from foreword.v1 import catalog_service_pb2 as pb2
from foreword.v1 import catalog_service_pb2_grpc, inference_service_pb2

METHOD = "/foreword.v1.CatalogService/ListTasks"


def interceptor() -> CallInterceptor:
    return CallInterceptor((Outcomes(()).layer, answer_errors), MessageCoder(TurnPool("coding")))


class Computing(catalog_service_pb2_grpc.CatalogServiceServicer):
    """A servicer whose method uses the event loop's thread."""

    async def ListTasks(self, request: Any, context: Any) -> Any:
        current_record().tenant = "acme"
        end = time.thread_time() + 0.15
        while time.thread_time() < end:
            pass
        return pb2.ListTasksResponse()


@contextmanager
def serving(holds: HoldLog) -> Iterator[Any]:
    """A stub of a server that is watched."""
    loop = EventLoopThread()

    async def start() -> tuple[grpc.aio.Server, LoopWatchdog, int]:
        server = grpc.aio.server(interceptors=[interceptor()])
        catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server(Computing(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        watchdog = LoopWatchdog(0.05, holds.add)
        watchdog.start()
        return server, watchdog, port

    async def stop() -> None:
        await server.stop(0)
        watchdog.stop()

    server, watchdog, port = loop.run(start())
    with grpc.insecure_channel(f"127.0.0.1:{port}", DIRECT) as channel:
        yield catalog_service_pb2_grpc.CatalogServiceStub(channel)
    loop.run(stop())
    loop.close()


def test_a_request_that_holds_the_event_loop_is_named_once_a_minute_with_a_count():
    now = [0.0]
    holds = HoldLog(lambda: now[0])
    with capture_logs() as lines, serving(holds) as stub:
        for seconds, id in ((0, "one"), (1, "two"), (1, "three"), (60, "four")):
            now[0] += seconds
            stub.ListTasks(pb2.ListTasksRequest(), metadata=[("x-request-id", id)])
            _wait_for(holds, {"one": 1, "two": 2, "three": 3, "four": 4}[id])

    held = [line for line in lines if line["event"] == "event_loop_held"]
    assert [(line["request_id"], line["count"]) for line in held] == [("one", 1), ("four", 3)]
    assert {(line["method"], line["tenant"], line["log_level"]) for line in held} == {(METHOD, "acme", "warning")}
    assert held[0]["innermost"].endswith(" Computing.ListTasks")
    assert held[0]["place"].startswith("foreword.server.calls.interceptors:")
    assert held[0]["milliseconds"] >= 140
    assert holds.longest_seconds >= 0.14


def _wait_for(holds: HoldLog, count: int) -> None:
    end = time.monotonic() + 20
    while holds.count < count:
        assert time.monotonic() < end, "the hold was not seen"
        time.sleep(0.005)


def test_the_log_remembers_a_limited_number_of_holders():
    holds = HoldLog(lambda: 0.0)
    with capture_logs() as lines:
        for number in range(1000):
            holds.add(Hold(seconds=0.1, task=None, place=f"foreword.example:{number} convert", innermost=""))

    assert len(lines) == 1000
    assert len(holds._holders) <= 200


@pytest.fixture(scope="module")
def strict_server(start_server: Any) -> RunningServer:
    """A server in which almost every request takes longer than it may."""
    return start_server(loop_hold_milliseconds=0.5)


def test_the_service_is_watched(strict_server: RunningServer):
    stubs = strict_server.stubs()
    end = time.monotonic() + 60
    while strict_server.server.holds.longest_seconds == 0.0:
        assert time.monotonic() < end, "no hold was seen"
        stubs.catalog.ListTasks(pb2.ListTasksRequest())

    assert strict_server.server.holds.longest_seconds >= 0.0005


def test_a_request_of_the_maximum_size_with_many_fields_is_parsed_beside_the_event_loop(start_server: Any):
    server = start_server()
    variables = {f"v{number}": "x" * 10 for number in range(2000)}
    item = inference_service_pb2.GenerateRequest(
        model="baseModels/foreword--starter", text="x", prompt_variables=variables
    )
    request = inference_service_pb2.BatchGenerateRequest(requests=[item] * 256)
    assert request.ByteSize() > 10_000_000

    with capture_logs() as lines:
        answer = server.stubs().inference.BatchGenerate(request)
        server.stop()

    assert len(answer.results) == 256
    held = [line["place"] for line in lines if line["event"] == "event_loop_held"]
    assert not [place for place in held if place.endswith(" _parse")]
