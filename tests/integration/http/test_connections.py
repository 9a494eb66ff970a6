"""Many connections, idle ones, and those whose callers read slowly or not at all."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import foreword.http.app
import foreword.http.process
import foreword.http.protocol
from factories.http import RunningHttp, running_http
from factories.receivers import make_certificates
from factories.servers import RunningServer
from factories.waiting import wait_until
from foreword.client import Client
from foreword.http.protocol import SteadyProtocol

BASE = "baseModels/foreword--starter"
CHAT = "/v1/chat/completions"
HEAD = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer dev\r\n"
OTHER_ADDRESS = "127.0.0.2"

Connect = Callable[..., socket.socket]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Opens connections from an address of this machine, which are closed with the test."""
    with ExitStack() as opened:

        def connected(http: RunningHttp, source: str = "127.0.0.1") -> socket.socket:
            return opened.enter_context(
                socket.create_connection(("127.0.0.1", http.port), timeout=30, source_address=(source, 0))
            )

        yield connected


def answer(connection: socket.socket, request: str = HEAD + "\r\n") -> bytes:
    """Send a request and return what arrives until the first body is whole or the connection ends."""
    connection.sendall(request.encode())
    received = b""
    while part := connection.recv(65_536):
        received += part
        head, end, body = received.partition(b"\r\n\r\n")
        if end and f"content-length: {len(body)}".encode() in head:
            break
    return received


@contextmanager
def tls_http(server: RunningServer, folder: Path, **settings: Any) -> Iterator[tuple[RunningHttp, ssl.SSLContext]]:
    """Serve HTTP with TLS, with the context of a client that trusts it."""
    certificates = make_certificates(folder, "127.0.0.1")
    files = {"tls_certificate": certificates.file, "tls_private_key": certificates.file}
    with running_http(server, http_host="0.0.0.0", **files, **settings) as http:
        yield http, certificates.client


def test_one_address_has_a_maximum_number_of_connections_and_leaves_the_others_to_others(
    server: RunningServer, connect: Connect
):
    with running_http(server, http_max_connections_per_address=3) as http:
        idle = [connect(http) for _ in range(3)]
        wait_until(lambda: http.open_connections == 3)

        refused = answer(connect(http))
        head, _, body = refused.partition(b"\r\n\r\n")
        error = json.loads(body)["error"]
        assert head.startswith(b"HTTP/1.1 429")
        assert b"connection: close" in head
        assert b"retry-after: 1" in head
        assert b"x-request-id: req_" in head
        assert (error["code"], error["reason"]) == ("rate_limit_exceeded", "TOO_MANY_CONNECTIONS")
        assert "3 connections open" in error["message"]
        assert "FOREWORD_HTTP_MAX_CONNECTIONS_PER_ADDRESS" in error["message"]

        assert answer(connect(http, OTHER_ADDRESS)).startswith(b"HTTP/1.1 200")
        idle.pop().close()
        wait_until(lambda: answer(connect(http)).startswith(b"HTTP/1.1 200"))


def test_connections_beyond_those_that_are_refused_are_closed_at_once(server: RunningServer, connect: Connect):
    with running_http(server, http_max_connections_per_address=2) as http:
        held = [connect(http) for _ in range(2)]
        refused = [connect(http) for _ in range(16)]
        for _ in range(5):
            beyond = connect(http)
            assert beyond.recv(1) == b""
        assert http.open_connections == 2

        assert answer(refused[0]).startswith(b"HTTP/1.1 429")
        assert answer(held[0]).startswith(b"HTTP/1.1 200")


def test_a_refused_connection_without_a_request_is_closed(
    server: RunningServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(foreword.http.protocol, "_REFUSED_HEAD_SECONDS", 0.1)
    with running_http(server, http_max_connections_per_address=1) as http:
        connect(http)
        assert connect(http).recv(1) == b""


def test_a_trusted_proxy_has_as_many_connections_as_it_needs(server: RunningServer, connect: Connect):
    settings = {"http_max_connections_per_address": 2, "trusted_proxies": (OTHER_ADDRESS,)}
    with running_http(server, **settings) as http:
        proxied = [connect(http, OTHER_ADDRESS) for _ in range(6)]
        assert all(answer(connection).startswith(b"HTTP/1.1 200") for connection in proxied)

        others = [connect(http) for _ in range(3)]
        assert answer(others[2]).startswith(b"HTTP/1.1 429")


def test_all_connections_together_have_a_maximum_number(
    server: RunningServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(foreword.http.process, "MAX_CONNECTIONS", 4)
    with running_http(server) as http:
        for source in ("127.0.0.1", OTHER_ADDRESS):
            connect(http, source)
            connect(http, source)
        refused = answer(connect(http, "127.0.0.3"))

    assert refused.startswith(b"HTTP/1.1 503")
    assert json.loads(refused.partition(b"\r\n\r\n")[2])["error"]["reason"] == "CONNECTIONS_BUSY"


def test_connections_count_while_tls_is_negotiated(server: RunningServer, connect: Connect, tmp_path: Path):
    with tls_http(server, tmp_path, http_max_connections_per_address=2) as (http, context):
        silent = [connect(http) for _ in range(2)]
        wait_until(lambda: http.open_connections == 2)

        with context.wrap_socket(connect(http), server_hostname="127.0.0.1") as refused:
            assert answer(refused).startswith(b"HTTP/1.1 429")
        with context.wrap_socket(connect(http, OTHER_ADDRESS), server_hostname="127.0.0.1") as other:
            assert answer(other).startswith(b"HTTP/1.1 200")
        for connection in silent:
            connection.close()
        wait_until(lambda: http.open_connections == 0)


def test_idle_connections_end_before_and_after_a_request(
    server: RunningServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(foreword.http.protocol, "_HEAD_SECONDS", 0.2)
    monkeypatch.setattr(foreword.http.process, "_KEEP_ALIVE_SECONDS", 0.2)
    with running_http(server) as http:
        assert connect(http).recv(1) == b""
        served = connect(http)
        assert answer(served).startswith(b"HTTP/1.1 200")
        assert served.recv(1) == b""


def test_a_body_that_nobody_reads_does_not_keep_a_connection_open(
    server: RunningServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(foreword.http.protocol, "_HEAD_SECONDS", 0.3)
    with running_http(server) as http:
        slow = connect(http)
        assert answer(slow, HEAD + "content-length: 1000000\r\n\r\n").startswith(b"HTTP/1.1 200")

        def refuses_another_byte() -> bool:
            try:
                slow.sendall(b"x")
            except OSError:
                return True
            return False

        wait_until(refuses_another_byte)
        wait_until(lambda: http.open_connections == 0)


def test_a_stream_holds_the_memory_of_its_request_until_it_ends(
    server: RunningServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(foreword.http.app, "MAX_OPEN_BYTES", 500_000)
    body = {"model": BASE, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 480, "user": "u" * 300_000}
    with running_http(server) as http:
        streaming = connect(http)
        content = json.dumps({**body, "temperature": 2, "n": 4, "seed": 1, "stream": True}).encode()
        head = HEAD.replace("GET /v1/models", f"POST {CHAT}") + "content-type: application/json\r\n"
        streaming.sendall(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
        assert streaming.recv(100).startswith(b"HTTP/1.1 200")

        status, error = http.refused("POST", CHAT, body)
        assert (status, error["reason"]) == (503, "BODIES_BUSY")
        streaming.close()
        wait_until(lambda: http.send("POST", CHAT, {**body, "max_tokens": 1}).status == 200)


def test_copies_of_a_prompt_for_its_choices_are_counted(server: RunningServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(foreword.http.app, "MAX_OPEN_BYTES", 500_000)
    body = {"model": BASE, "prompt": "word " * 10_000, "max_tokens": 1}
    with running_http(server) as http:
        status, error = http.refused("POST", "/v1/completions", {**body, "n": 100})
        assert (status, error["reason"]) == (503, "BODIES_BUSY")
        _, error = http.refused("POST", "/v1/completions", {**body, "n": 2})
        assert error["reason"] != "BODIES_BUSY"  # the service refuses so long a prompt


def test_a_slow_reader_holds_little_also_with_tls(
    server: RunningServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    protocols: list[SteadyProtocol] = []
    made = SteadyProtocol.connection_made

    def connection_made(protocol: SteadyProtocol, transport) -> None:
        made(protocol, transport)
        protocols.append(protocol)

    monkeypatch.setattr(SteadyProtocol, "connection_made", connection_made)
    key = server.new_key("slow-reader")
    with Client(server.endpoint, key) as client:
        rows = [{"input": f"{number} " + "word " * 1_000, "output": f"answer {number % 7}"} for number in range(2_000)]
        dataset = client.upload_dataset(rows, display_name="large", task="generation")
    path = f"/v1/files/file-{dataset.name.rpartition('/')[2]}/content"
    with tls_http(server, tmp_path) as (http, context):
        plain = connect(http)
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as unread:
            unread.sendall(HEAD.replace("/v1/models", path).replace("Bearer dev", f"Bearer {key}").encode() + b"\r\n")
            wait_until(lambda: bool(protocols) and protocols[0].flow.write_paused)
            (protocol,) = protocols
            received = protocol.transport._ssl_protocol._ssl_buffer

            assert protocol.transport.get_write_buffer_size() < 200_000
            assert len(received) <= 16_384
