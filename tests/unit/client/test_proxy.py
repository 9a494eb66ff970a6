"""Which proxy of the environment gRPC uses, checked against gRPC itself."""

import os
import socket
import threading

import grpc
import pytest

from foreword.client.endpoint import channel_options
from foreword.client.proxy import find_proxy, is_on_this_machine
from foreword.client.status import call_failure


class RefusingProxy:
    """A proxy that answers 403 to everything and counts who came."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked = 0
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.asked += 1
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def proxy():
    running = RefusingProxy()
    yield running
    running.close()


def failed_call(target, options):
    with grpc.insecure_channel(target, options) as channel, pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary("/foreword.v1.TenantService/WhoAmI")(b"", timeout=5)
    return raised.value


def in_environment(monkeypatch, variables):
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("target", "variables", "used"),
    [
        ("host.invalid:1", {"http_proxy": "http://PROXY"}, True),
        ("host.invalid:1", {"https_proxy": "http://PROXY"}, True),
        ("host.invalid:1", {"grpc_proxy": "http://PROXY"}, True),
        ("host.invalid:1", {"http_proxy": "http://somebody:secret@PROXY"}, True),
        ("host.invalid:1", {"http_proxy": "http://PROXY", "grpc_proxy": ""}, False),
        ("host.invalid:1", {"http_proxy": "PROXY"}, False),
        ("host.invalid:1", {"http_proxy": "https://PROXY"}, False),
        ("host.invalid:1", {"HTTP_PROXY": "http://PROXY"}, False),
        ("host.invalid:1", {"http_proxy": "http://PROXY", "no_proxy": "x, .invalid"}, False),
        ("host.invalid:1", {"http_proxy": "http://PROXY", "no_proxy": "invalid"}, False),
        ("host.invalid:1", {"http_proxy": "http://PROXY", "no_proxy": "ost.invalid"}, True),
        ("host.invalid:1", {"http_proxy": "http://PROXY", "no_proxy": "*"}, True),
        ("host.invalid:1", {"http_proxy": "http://PROXY", "no_proxy": "host.invalid", "no_grpc_proxy": "x"}, True),
        ("192.0.2.1:1", {"http_proxy": "http://PROXY", "no_proxy": "192.0.3.0/24"}, True),
        ("127.0.0.1:1", {"http_proxy": "http://PROXY"}, False),
        ("localhost:1", {"http_proxy": "http://PROXY"}, False),
        ("[::1]:1", {"http_proxy": "http://PROXY"}, False),
        ("0.0.0.0:1", {"http_proxy": "http://PROXY"}, False),
        ("unix:/nowhere/socket", {"http_proxy": "http://PROXY"}, False),
    ],
)
def test_the_proxy_that_an_error_names_is_the_one_that_grpc_uses(monkeypatch, proxy, target, variables, used):
    in_environment(monkeypatch, {name: value.replace("PROXY", proxy.address) for name, value in variables.items()})

    failed_call(target, channel_options(target))

    found = find_proxy(target, os.environ)
    assert (proxy.asked > 0) is used
    assert (found is not None and found.used) is used


def test_an_error_names_the_proxy_its_variable_and_the_remedy_but_no_password(monkeypatch, proxy):
    in_environment(monkeypatch, {"http_proxy": f"http://somebody:secret@{proxy.address}"})
    raised = failed_call("host.invalid:1", channel_options("host.invalid:1"))

    message = call_failure(raised, "host.invalid:1", find_proxy("host.invalid:1", os.environ)).error.message

    assert message == (
        "No service answers at host.invalid:1 (HTTP proxy returned response code 403). The connection went through the "
        f"proxy http_proxy=http://{proxy.address}. Add host.invalid to no_proxy if the service can be reached without "
        "it; otherwise check that the proxy runs and allows host.invalid:1."
    )


@pytest.mark.parametrize("value", ["https://somebody:secret@gate:3128", "somebody:secret@gate:3128", "socks5://gate:1"])
def test_an_error_says_that_a_proxy_of_another_kind_was_not_used(monkeypatch, value):
    in_environment(monkeypatch, {"https_proxy": value})
    raised = failed_call("host.invalid:1", channel_options("host.invalid:1"))

    message = call_failure(raised, "host.invalid:1", find_proxy("host.invalid:1", os.environ)).error.message

    assert f"The proxy https_proxy={value.replace('somebody:secret@', '')} was not used" in message
    assert "Set grpc_proxy" in message


def test_an_error_says_that_a_variable_in_upper_case_was_not_read(monkeypatch):
    in_environment(monkeypatch, {"HTTPS_PROXY": "http://gate:3128"})
    raised = failed_call("host.invalid:1", channel_options("host.invalid:1"))

    message = call_failure(raised, "host.invalid:1", find_proxy("host.invalid:1", os.environ)).error.message

    assert (
        "The proxy HTTPS_PROXY=http://gate:3128 was not used: gRPC only reads the lower-case names of the variables"
        in message
    )


@pytest.mark.parametrize(
    ("target", "local"),
    [
        ("127.8.8.8:1", True),
        ("LOCALHOST:1", True),
        ("[::ffff:127.0.0.1]:1", True),
        ("unix:///run/foreword", True),
        ("ip6-localhost:1", True),
        ("shop.localhost:1", True),
        (f"{socket.gethostname().upper()}:1", True),
        (f"{socket.gethostname()}.example.com:1", False),
        ("127.example.com:1", False),
        ("localhost.example.com:1", False),
        ("[::2]:1", False),
    ],
)
def test_only_loopback_unix_sockets_and_the_name_of_this_machine_are_on_it(target, local):
    assert is_on_this_machine(target) is local
