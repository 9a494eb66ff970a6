from __future__ import annotations

import threading
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from factories.api import create_experiment, refused, upload
from foreword.config import Settings
from foreword.errors import FailedPreconditionError, InvalidArgumentError
from foreword.server.listening import check_listening, is_loopback
from foreword.v1 import inference_service_pb2, tenant_service_pb2, tune_experiment_service_pb2

BASE = "baseModels/foreword--starter"


def test_running_requests_finish_and_new_ones_are_refused(start_server):
    server = start_server()
    stubs = server.stubs()
    request = inference_service_pb2.StreamGenerateRequest(
        model=BASE, text="A long answer.", parameters={"min_new_tokens": 200, "max_new_tokens": 200}
    )
    stream = stubs.inference.StreamGenerate(request)
    pieces = [next(stream)]

    stopping = server.begin_stop(30.0)
    time.sleep(0.1)
    late = refused(server.stubs().tenants.WhoAmI, tenant_service_pb2.WhoAmIRequest())
    pieces += stream
    stopping.join()

    assert pieces[-1].usage.generated_tokens == 200
    assert late.code is grpc.StatusCode.UNAVAILABLE


def test_requests_that_take_longer_than_the_grace_are_cut_off(start_server):
    server = start_server()
    request = inference_service_pb2.GenerateRequest(
        model=BASE, text="A long answer.", parameters={"min_new_tokens": 500, "max_new_tokens": 500}
    )
    failures: list[grpc.StatusCode] = []
    asking = threading.Thread(target=lambda: failures.append(refused(server.stubs().inference.Generate, request).code))
    asking.start()
    time.sleep(0.3)

    begun = time.monotonic()
    server.stop(0.05)
    asking.join()

    assert time.monotonic() - begun < 5
    assert failures[0] in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def test_a_watch_ends_at_once_and_says_where_to_go_on(start_server):
    server = start_server()
    stubs = server.stubs()
    name = create_experiment(stubs, upload(stubs).name).name
    stream = stubs.experiments.WatchTuneExperiment(tune_experiment_service_pb2.WatchTuneExperimentRequest(name=name))
    next(stream)

    begun = time.monotonic()
    stopping = server.begin_stop(30.0)
    with pytest.raises(grpc.RpcError) as caught:
        next(stream)
    stopping.join()

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "after_sequence" in caught.value.details()
    assert time.monotonic() - begun < 5


def test_health_says_not_serving_before_anything_else_ends(start_server):
    server = start_server()
    stubs = server.stubs()
    answers = []
    watching = threading.Event()

    def watch() -> None:
        stub = health_pb2_grpc.HealthStub(server.channel())
        try:
            for answer in stub.Watch(health_pb2.HealthCheckRequest(service="foreword.v1.InferenceService")):
                answers.append(answer.status)
                watching.set()
        except grpc.RpcError:
            pass

    thread = threading.Thread(target=watch)
    thread.start()
    assert watching.wait(5)
    stubs.inference.Generate(
        inference_service_pb2.GenerateRequest(model=BASE, text="x", parameters={"max_new_tokens": 1})
    )
    server.stop(0.5)
    thread.join()

    assert answers == [health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING]


def test_a_port_that_is_taken_is_told(start_server):
    taken = start_server().port

    with pytest.raises(FailedPreconditionError, match=f"Cannot listen on 127.0.0.1:{taken}"):
        start_server(port=taken)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.8.8.8"])
def test_loopback_needs_no_encryption(host: str):
    assert is_loopback(host)
    check_listening(Settings(host=host), dev_key=True)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "example.org"])
def test_any_other_address_needs_tls_or_insecure_and_never_takes_the_dev_key(host: str):
    with pytest.raises(InvalidArgumentError, match="insecure"):
        check_listening(Settings(host=host), dev_key=False)
    with pytest.raises(InvalidArgumentError, match="loopback"):
        check_listening(Settings(host=host, insecure=True), dev_key=True)
    check_listening(Settings(host=host, insecure=True), dev_key=False)


def test_half_of_tls_is_refused(tmp_path):
    with pytest.raises(InvalidArgumentError, match="tls_private_key"):
        check_listening(Settings(tls_certificate=tmp_path / "certificate.pem"), dev_key=False)


def test_a_tls_file_that_cannot_be_read_is_named(start_server, tmp_path):
    with pytest.raises(InvalidArgumentError, match="tls_private_key"):
        start_server(tls_certificate=tmp_path / "certificate.pem", tls_private_key=tmp_path / "key.pem")
