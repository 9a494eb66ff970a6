"""Connections that die silently, and clients that ping: with short times or, as `soak`, with the default times."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from factories.api import create_experiment, refused, upload
from factories.clients import DrivenAsyncClient
from factories.dead_connections import forwarding
from factories.servers import RunningServer
from foreword.client import Client, JobState
from foreword.client.keepalive import DEFAULT_KEEPALIVE_SECONDS, DEFAULT_KEEPALIVE_TIMEOUT_SECONDS, keepalive_options
from foreword.v1 import tenant_service_pb2, tenant_service_pb2_grpc
from foreword.v1.tune_experiment_service_pb2 import CancelTuneExperimentRequest, WatchTuneExperimentRequest


@dataclass(frozen=True, kw_only=True)
class Times:
    """Settings of server and client, in seconds; empty for their defaults.

    Attributes:
        noticed: Within what time a dead connection is noticed.
        client_ping: Pings of a client that is not ours.
    """

    server: dict[str, float]
    client: dict[str, float]
    client_ping: float
    noticed: float


QUICK = Times(
    server={
        "keepalive_seconds": 0.5,
        "keepalive_timeout_seconds": 0.5,
        "min_ping_seconds": 0.1,
        "watch_heartbeat_seconds": 1.0,
    },
    client={"keepalive_seconds": 0.5, "keepalive_timeout_seconds": 0.5},
    client_ping=0.25,
    noticed=5.0,
)
REAL = Times(server={}, client={}, client_ping=20.0, noticed=30.0)
CLIENTS = [Client, DrivenAsyncClient]


@pytest.fixture(
    scope="module", params=[pytest.param(QUICK, id="quick"), pytest.param(REAL, marks=pytest.mark.soak, id="real")]
)
def times(request: pytest.FixtureRequest) -> Times:
    return request.param


@pytest.fixture(scope="module")
def server(start_server: Any, times: Times) -> RunningServer:
    return start_server(max_watches=3, **times.server)


@pytest.fixture
def queued(server: RunningServer) -> str:
    """An experiment in which nothing happens."""
    stubs = server.stubs()
    name: str = create_experiment(stubs, upload(stubs).name).name
    return name


def watch(server: RunningServer, name: str, channel: grpc.Channel) -> Any:
    stub = channel.unary_stream(
        "/foreword.v1.TuneExperimentService/WatchTuneExperiment",
        request_serializer=WatchTuneExperimentRequest.SerializeToString,
        response_deserializer=lambda data: data,
    )
    return stub(WatchTuneExperimentRequest(name=name), metadata=[("authorization", "Bearer dev")])


def eventually(condition: Callable[[], bool], seconds: float) -> float:
    """Seconds until the condition holds, at most those given."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < seconds, "not in time"
        time.sleep(0.05)
    return time.monotonic() - begin


def test_a_client_that_pings_keeps_its_watch_of_an_experiment_that_rests(
    server: RunningServer, queued: str, times: Times
) -> None:
    options = [
        ("grpc.keepalive_time_ms", int(times.client_ping * 1000)),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    with grpc.insecure_channel(server.endpoint, options) as channel:
        call = watch(server, queued, channel)
        end = time.monotonic() + 10 * times.client_ping
        messages = 0
        while time.monotonic() < end:
            next(call)
            messages += 1
        call.cancel()

    assert messages >= 3


def test_a_watch_repeats_an_experiment_in_which_nothing_happens_without_its_snapshots(
    server: RunningServer, times: Times
) -> None:
    stubs = server.stubs()
    name = create_experiment(stubs, upload(stubs).name).name
    call = stubs.experiments.WatchTuneExperiment(WatchTuneExperimentRequest(name=name))
    first = next(call)
    begin = time.monotonic()
    second = next(call)
    silence = time.monotonic() - begin
    call.cancel()

    assert second == first
    assert silence < times.server.get("watch_heartbeat_seconds", 15.0) + 1.5
    assert not second.tune_experiment.snapshots


def test_the_server_frees_the_watches_of_a_dead_connection(server: RunningServer, queued: str, times: Times) -> None:
    stubs = server.stubs()
    request = WatchTuneExperimentRequest(name=queued)
    with forwarding(server.port) as forwarder, grpc.insecure_channel(forwarder.endpoint) as channel:
        held = [watch(server, queued, channel) for _ in range(3)]
        for call in held:
            next(call)
        assert refused(stubs.experiments.WatchTuneExperiment, request).reason == "TOO_MANY_WATCHES"
        forwarder.kill_connections()

        def admitted() -> bool:
            call = stubs.experiments.WatchTuneExperiment(request)
            try:
                next(call)
            except grpc.RpcError:
                return False
            call.cancel()
            return True

        seconds = eventually(admitted, times.noticed)

    print(f"freed after {seconds:.1f} s")


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_clients_watch_goes_on_over_a_new_connection(
    server: RunningServer, times: Times, queued: str, kind: Any
) -> None:
    states: list[tuple[JobState, float]] = []
    with forwarding(server.port) as forwarder, kind(forwarder.endpoint, "dev", **times.client) as client:

        def follow() -> None:
            states.extend((seen.state, time.monotonic()) for seen in client.watch_tune_experiment(queued))

        thread = threading.Thread(target=follow)
        thread.start()
        eventually(lambda: bool(states), 10)
        forwarder.kill_connections()
        begin = time.monotonic()
        server.stubs().experiments.CancelTuneExperiment(CancelTuneExperimentRequest(name=queued))
        thread.join(times.noticed + 1)
        assert not thread.is_alive()

    assert [state for state, _ in states] == [JobState.QUEUED, JobState.CANCELLED]
    assert states[-1][1] - begin < times.noticed
    print(f"heard of the end {states[-1][1] - begin:.1f} s after the connection died")


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_call_on_a_dead_connection_is_answered_over_a_new_one(server: RunningServer, times: Times, kind: Any) -> None:
    with (
        forwarding(server.port) as forwarder,
        kind(forwarder.endpoint, "dev", timeout_seconds=600.0, retry_seconds=5.0, **times.client) as client,
    ):
        client.who_am_i()
        forwarder.kill_connections()
        begin = time.monotonic()
        assert client.who_am_i().tenant == "tenants/dev"
        seconds = time.monotonic() - begin

    assert seconds < times.noticed
    print(f"answered after {seconds:.1f} s")


def test_a_clients_watch_yields_no_heartbeats(server: RunningServer, queued: str, times: Times) -> None:
    seen: list[Any] = []
    with Client(server.endpoint, "dev") as client:
        thread = threading.Thread(target=lambda: seen.extend(client.watch_tune_experiment(queued)))
        thread.start()
        time.sleep(2.5 * times.server.get("watch_heartbeat_seconds", 15.0))
        client.cancel_tune_experiment(queued)
        thread.join(60)

    assert [item.state for item in seen] == [JobState.QUEUED, JobState.CANCELLED]


def test_a_client_that_pings_without_end_is_disconnected(start_server: Any) -> None:
    server = start_server(min_ping_seconds=60.0)
    options = [("grpc.keepalive_time_ms", 100), ("grpc.http2.max_pings_without_data", 0)]
    stubs = server.stubs()
    name = create_experiment(stubs, upload(stubs).name).name
    with grpc.insecure_channel(server.endpoint, options) as channel:
        failure = refused(watch, server, name, channel)

    assert failure.code is grpc.StatusCode.UNAVAILABLE
    assert "Too many pings" in failure.message


def test_a_call_without_a_deadline_fails_when_its_connection_dies(server: RunningServer, times: Times) -> None:
    options = keepalive_options(
        times.client.get("keepalive_seconds", DEFAULT_KEEPALIVE_SECONDS),
        times.client.get("keepalive_timeout_seconds", DEFAULT_KEEPALIVE_TIMEOUT_SECONDS),
    )
    with forwarding(server.port) as forwarder, grpc.insecure_channel(forwarder.endpoint, options) as channel:
        stub = tenant_service_pb2_grpc.TenantServiceStub(channel)
        key = [("authorization", "Bearer dev")]
        stub.WhoAmI(tenant_service_pb2.WhoAmIRequest(), metadata=key)
        forwarder.kill_connections()
        begin = time.monotonic()
        failure = refused(stub.WhoAmI, tenant_service_pb2.WhoAmIRequest(), metadata=key)

    assert failure.code is grpc.StatusCode.UNAVAILABLE
    assert time.monotonic() - begin < times.noticed
