from __future__ import annotations

import shutil
import subprocess
import threading
import time
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from factories.api import create_experiment, refused, upload
from factories.servers import RunningServer, Stubs
from foreword.addresses import is_loopback
from foreword.cli.application import run
from foreword.client import Client
from foreword.client.proxy import DIRECT
from foreword.config import Settings
from foreword.errors import FailedPreconditionError, InvalidArgumentError, UnavailableError
from foreword.server.endpoint.listening import check_listening
from foreword.v1 import inference_service_pb2, tenant_service_pb2, tune_experiment_service_pb2

BASE = "baseModels/foreword--starter"


def first_refusal(server: RunningServer) -> grpc.StatusCode:
    """Open new connections until the server, which is about to drain, refuses one."""
    for _ in range(400):
        try:
            server.stubs().tenants.WhoAmI(tenant_service_pb2.WhoAmIRequest())
        except grpc.RpcError as error:
            return error.code()
        time.sleep(0.02)
    raise AssertionError("the server still takes requests in")


def test_running_requests_finish_and_new_ones_are_refused(start_server):
    server = start_server()
    stubs = server.stubs()
    request = inference_service_pb2.StreamGenerateRequest(
        model=BASE, text="A long answer.", parameters={"min_new_tokens": 200, "max_new_tokens": 200}
    )
    stream = stubs.inference.StreamGenerate(request)
    pieces = [next(stream)]

    stopping = server.begin_stop(120.0)
    late = first_refusal(server)
    pieces += stream
    stopping.join()

    assert pieces[-1].usage.generated_tokens == 200
    assert late in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)  # the clients repeat both


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

    assert time.monotonic() - begun < 20
    assert failures[0] in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def test_a_watch_ends_at_once_and_states_where_to_resume(start_server):
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
    assert time.monotonic() - begun < 20


def test_health_reports_not_serving_before_anything_else_ends(start_server):
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
    assert watching.wait(60)
    stubs.inference.Generate(
        inference_service_pb2.GenerateRequest(model=BASE, text="x", parameters={"max_new_tokens": 1})
    )
    begun = time.monotonic()
    server.stop(30.0)
    thread.join()

    assert time.monotonic() - begun < 20
    assert answers == [health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING]


def test_a_port_in_use_is_reported_without_lines_of_grpc(start_server, capfd):
    taken = start_server().port

    with pytest.raises(FailedPreconditionError, match=f"Cannot listen on 127.0.0.1:{taken}"):
        start_server(port=taken)

    assert capfd.readouterr().err == ""


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


@pytest.fixture
def certificate(tmp_path) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, and its private key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl to make a certificate")
    chain, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", str(key), "-out", str(chain), "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    return chain, key


def test_with_tls_clients_that_trust_the_certificate_are_answered(start_server, certificate: tuple[Path, Path]):
    chain, key = certificate
    server = start_server(tls_certificate=chain, tls_private_key=key)
    credentials = grpc.ssl_channel_credentials(chain.read_bytes())

    with grpc.secure_channel(f"localhost:{server.port}", credentials, DIRECT) as channel:
        answer = Stubs(channel, "dev").tenants.WhoAmI(tenant_service_pb2.WhoAmIRequest(), timeout=60)

    assert answer.tenant == "tenants/dev"
    plain = refused(server.stubs().tenants.WhoAmI, tenant_service_pb2.WhoAmIRequest(), timeout=60)
    assert plain.code is grpc.StatusCode.UNAVAILABLE


def test_clients_and_commands_take_the_certificates_to_trust_from_the_environment(
    start_server, certificate: tuple[Path, Path], monkeypatch, capsys
):
    chain, key = certificate
    server = start_server(tls_certificate=chain, tls_private_key=key)
    endpoint = f"https://localhost:{server.port}"

    def ask() -> str:
        with Client(endpoint, "dev", retry_seconds=0.0) as client:
            return client.who_am_i().tenant

    with pytest.raises(UnavailableError, match=r"not trusted.*FOREWORD_TLS_CA"):
        ask()
    monkeypatch.setenv("FOREWORD_TLS_CA", str(chain))
    assert ask() == "tenants/dev"
    assert run(["whoami", "--endpoint", endpoint, "--api-key", "dev"]) == 0
    assert "tenants/dev" in capsys.readouterr().out
    monkeypatch.setenv("FOREWORD_TLS_CA", str(chain.with_name("gone.pem")))
    with pytest.raises(InvalidArgumentError, match=r"FOREWORD_TLS_CA: .*gone\.pem cannot be read"):
        ask()


def test_certificates_to_trust_leave_plain_text_alone(server, certificate: tuple[Path, Path], monkeypatch):
    monkeypatch.setenv("FOREWORD_TLS_CA", str(certificate[0]))

    with Client(server.endpoint, "dev") as client:
        assert client.who_am_i().tenant == "tenants/dev"


def test_a_file_without_a_certificate_is_reported(start_server, certificate: tuple[Path, Path]):
    chain, key = certificate
    chain.write_text("no certificate")

    with pytest.raises(InvalidArgumentError, match="tls_certificate"):
        start_server(tls_certificate=chain, tls_private_key=key)
