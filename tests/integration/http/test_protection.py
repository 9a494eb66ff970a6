"""Hostile requests, addresses and errors."""

from __future__ import annotations

import json
import select
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPSConnection
from pathlib import Path

import openai
import pytest

import foreword.http.app
import foreword.http.bodies
import foreword.http.openai.inference.chat
import foreword.http.protocol
import foreword.server.callers.failed_keys
from factories.http import RunningHttp, running_http
from factories.logs import captured_logs
from factories.receivers import make_certificates
from factories.servers import RunningServer
from factories.waiting import wait_until
from foreword.config import Settings
from foreword.errors import InvalidArgumentError
from foreword.http.process import HttpServer, check_http_address, listen_for_http, service_client
from foreword.http.protocol import SteadyProtocol
from foreword.storage.repositories.tenant_lifecycle import TenantLifecycle

BASE = "baseModels/foreword--starter"
CHAT = "/v1/chat/completions"
BODY = {"model": BASE, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}


def test_a_missing_and_a_wrong_key_are_errors_of_authentication(http: RunningHttp):
    status, error = http.refused("GET", "/v1/models", key=None)
    assert (status, error["code"], error["reason"]) == (401, "invalid_api_key", "API_KEY_MISSING")
    assert "Authorization: Bearer KEY" in error["message"]

    for key in ("fw_0123456789abcdef_" + "x" * 43, "x" * 500, "a\x7f"):
        status, error = http.refused("POST", CHAT, BODY, key=key)
        assert (status, error["code"], error["type"]) == (401, "invalid_api_key", "invalid_request_error")
        assert key not in error["message"]
    status, _ = http.refused("POST", CHAT, BODY, key=None, authorization="Basic ZGV2")
    assert status == 401


@pytest.mark.parametrize("key", [None, "wrong"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/files?purpose=assistants", None),
        ("GET", "/v1/models?x=1", None),
        ("GET", "/v1/fine_tuning/jobs?limit=x", None),
        ("POST", CHAT, {}),
        ("POST", "/v1/completions", b"{"),
        ("POST", "/v1/fine_tuning/jobs", {}),
        ("POST", "/v1/files", {}),
        ("POST", "/v1/embeddings", {}),
    ],
)
def test_callers_without_a_valid_key_learn_nothing_else(
    http: RunningHttp, method: str, path: str, body: object, key: str | None
):
    assert http.refused(method, path, body, key=key)[0] == 401
    assert http.send(method, path, body).status != 401


def test_a_suspended_tenant_is_refused_with_its_reason(http: RunningHttp, server: RunningServer):
    key = server.new_key("unpaid")
    TenantLifecycle(server.database).suspend("unpaid", reason="The invoice is not paid.")

    status, error = http.refused("POST", CHAT, BODY, key=key)

    assert (status, error["code"], error["reason"]) == (403, "tenant_suspended", "TENANT_SUSPENDED")
    assert "The invoice is not paid." in error["message"]


def test_every_response_has_the_id_of_its_request(http: RunningHttp, ai: openai.OpenAI):
    assert http.send("GET", "/v1/models").headers["x-request-id"].startswith("req_")
    assert http.send("GET", "/v1/models", x_request_id="mine-1").headers["x-request-id"] == "mine-1"
    secret = "fw_0123456789abcdef_" + "x" * 43
    assert secret not in http.send("GET", "/v1/nothing", x_request_id=secret).headers["x-request-id"]
    with pytest.raises(openai.NotFoundError) as caught:
        ai.models.retrieve("nothing")
    assert caught.value.request_id.startswith("req_")


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"{", 400, "BODY_INVALID"),
        (b"[" * 200_000, 400, "BODY_INVALID"),
        (b'{"a":' * 100_000, 400, "BODY_INVALID"),
        (b"[1]", 400, "BODY_INVALID"),
        (b'{"model": NaN}', 400, "BODY_INVALID"),
        (b'{"seed": ' + b"1" * 5_000 + b"}", 400, "BODY_INVALID"),
        (b'{"model": "\xff"}', 400, "BODY_INVALID"),
        (b"", 400, "BODY_INVALID"),
        (b" " * (8 * 2**20 + 1), 413, "MESSAGE_TOO_LARGE"),
        (b'{"a": [' + b"[]," * 200_000 + b"1]}", 413, "MESSAGE_TOO_LARGE"),
    ],
    ids=["cut", "deep-list", "deep-object", "list", "nan", "digits", "utf-8", "empty", "large", "lists"],
)
def test_bodies_that_are_no_request_are_refused(http: RunningHttp, body: bytes, status: int, reason: str):
    found, error = http.refused("POST", CHAT, body, content_type="application/json")

    assert (found, error["reason"]) == (status, reason)


def test_text_that_cannot_be_sent_is_refused(http: RunningHttp):
    body = b'{"model": "' + BASE.encode() + b'", "messages": [{"role": "user", "content": "\\ud800"}]}'
    status, error = http.refused("POST", CHAT, body, content_type="application/json")
    assert (status, error["reason"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, b'{"model": "m", "messages": [{"role": "user", "content": "a"}], "\\ud800": 1}'),
        (CHAT, b'{"model": "m", "messages": [{"role": "user", "content": "a", "\\ud800": 1}]}'),
        ("/v1/fine_tuning/jobs", b'{"model": "m", "training_file": "file-\\ud800"}'),
    ],
)
def test_a_name_that_cannot_be_sent_back_is_escaped_in_the_error(http: RunningHttp, path: str, body: bytes):
    status, error = http.refused("POST", path, body, content_type="application/json")

    assert status in (400, 404)
    assert "\\ud800" in error["message"]


def test_large_bodies_need_a_key_and_leave_room_for_those_of_other_tenants(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(foreword.http.app, "MAX_OPEN_BYTES", 500_000)
    large = b'{"model": "' + b"m" * 300_000
    with running_http(server) as http, ExitStack() as connections:
        assert http.refused("POST", CHAT, large, key=None, content_type="application/json")[0] == 401

        head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {server.new_key('hoarder')}\r\n"
        head += "content-type: application/json\r\ncontent-length: 400000\r\n\r\n"
        held = [connections.enter_context(socket.create_connection(("127.0.0.1", http.port), 30)) for _ in range(2)]
        for connection in held:
            connection.sendall(head.encode() + large)
        wait_until(lambda: any(select.select(held, [], [], 0.1)))
        refused, *_ = select.select(held, [], [])[0]  # a slow machine takes the other for a caller that stalls
        assert refused.recv(100).startswith(b"HTTP/1.1 503")

        assert http.send("POST", CHAT, BODY).status == 200
        assert http.send("POST", CHAT, {**BODY, "user": "u" * 200_000}).status == 200


@pytest.mark.parametrize(
    ("path", "param", "given"),
    [
        (CHAT, "stop", {**BODY, "stop": ["x"] * 100_000}),
        (
            "/v1/fine_tuning/jobs",
            "metadata",
            {"model": BASE, "training_file": "file-x", "metadata": {f"k{number}": "" for number in range(100_000)}},
        ),
    ],
)
def test_what_holds_far_too_much_is_refused_before_it_is_passed_on(http: RunningHttp, path: str, param: str, given):
    status, error = http.refused("POST", path, given)

    assert (status, error["param"]) == (400, param)
    assert "at most" in error["message"]
    assert "100,000" in error["message"]


def test_a_large_request_is_checked_beside_the_event_loop(http: RunningHttp, monkeypatch: pytest.MonkeyPatch):
    other_is_answered = threading.Event()
    parse = foreword.http.openai.inference.chat.parse_request

    def slow(body: dict[str, object]) -> object:
        assert other_is_answered.wait(20)
        return parse(body)

    monkeypatch.setattr("foreword.http.openai.inference.chat.parse_request", slow)
    with ThreadPoolExecutor(1) as threads:
        checking = threads.submit(http.send, "POST", CHAT, {**BODY, "user": "u" * 100_000})
        assert http.send("GET", "/nothing").status == 404
        other_is_answered.set()

    assert checking.result().status == 200


def test_other_types_and_encodings_of_a_body_are_refused_by_their_header(http: RunningHttp):
    _, error = http.refused("POST", CHAT, b"{}", content_type="text/plain")
    assert "Content-Type" in error["message"]
    status, error = http.refused("POST", CHAT, b"{}", content_type="application/json", content_encoding="gzip")
    assert status == 415
    assert "Content-Encoding" in error["message"]


def test_unknown_addresses_and_methods_are_errors_in_the_same_form(http: RunningHttp):
    assert http.refused("GET", "/v1/nothing")[0] == 404
    assert http.refused("GET", "/v1")[0] == 404
    status, error = http.refused("DELETE", CHAT)
    assert (status, error["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    ("method", "path", "remedy"),
    [
        ("POST", "/v1/responses", "/v1/chat/completions"),
        ("GET", "/v1/responses/resp_1/input_items", "/v1/chat/completions"),
        ("POST", "/v1/embeddings", "/v1/chat/completions"),
        ("POST", "/v1/moderations", "/v1/fine_tuning/jobs"),
        ("POST", "/v1/batches", "foreword batch"),
        ("POST", "/v1/images/generations", "text only"),
        ("POST", "/v1/audio/transcriptions", "text only"),
        ("DELETE", "/v1/vector_stores/vs_1", "into the messages"),
        ("GET", "/v1/assistants", "/v1/chat/completions"),
    ],
)
def test_addresses_of_openai_that_the_service_lacks_name_what_to_use(
    http: RunningHttp, method: str, path: str, remedy: str
):
    status, error = http.refused(method, path, {} if method == "POST" else None)

    assert (status, error["reason"]) == (404, f"{path.split('/')[2].upper()}_UNSUPPORTED")
    assert remedy in error["message"]


@pytest.mark.parametrize("path", [CHAT, "/v1/completions"])
@pytest.mark.parametrize("model", ["gpt-4o", "meta-llama/Llama-3", "users/x/y", "baseModels/nothing", "ft:a:b:c"])
def test_a_model_that_does_not_exist_is_named_with_the_list_of_those_that_do(http: RunningHttp, path: str, model: str):
    prompt = {"messages": BODY["messages"]} if path == CHAT else {"prompt": "Hello"}

    status, error = http.refused("POST", path, {"model": model, **prompt})

    assert (status, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert model in error["message"]
    assert "with GET /v1/models." in error["message"]
    assert "foreword models list" not in error["message"]


def test_pages_of_other_sites_cannot_use_the_service(http: RunningHttp):
    status, error = http.refused("GET", "/v1/models", host=f"evil.example:{http.port}")
    assert (status, error["reason"]) == (421, "HOST_NOT_ALLOWED")
    assert "FOREWORD_HTTP_ALLOWED_HOSTS" in error["message"]
    for host in ("localhost", f"127.0.0.1:{http.port}", "[::1]:1", "LOCALHOST:8051"):
        assert http.send("GET", "/v1/models", host=host).status == 200
    for host in ("127.0.0.1.evil.example", "localhost.evil.example", "", "[::1"):
        assert http.refused("GET", "/v1/models", host=host)[0] == 421

    preflight = http.send("OPTIONS", CHAT, origin="https://evil.example", access_control_request_method="POST")
    answer = http.send("POST", CHAT, BODY, origin="https://evil.example")
    assert preflight.status == 405
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not [name for name in (*preflight.headers, *answer.headers) if name.startswith("access-control")]


def test_an_operator_can_allow_names_of_hosts(server: RunningServer):
    with running_http(server, http_allowed_hosts="ai.example, other.example") as http:
        assert http.send("GET", "/v1/models", host="AI.example:443").status == 200
        assert http.refused("GET", "/v1/models", host="evil.example")[0] == 421


def test_a_flood_of_tiny_chunks_is_read_in_small_parts(http: RunningHttp, monkeypatch: pytest.MonkeyPatch):
    sizes = []
    received = SteadyProtocol.data_received

    def measured(protocol: SteadyProtocol, data: bytes) -> None:
        sizes.append(len(data))
        received(protocol, data)

    monkeypatch.setattr(SteadyProtocol, "data_received", measured)
    head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer dev\r\ncontent-type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", http.port), timeout=30) as flood:
        flood.sendall(f"{head}transfer-encoding: chunked\r\n\r\n".encode() + b"1\r\n \r\n" * 20_000 + b"0\r\n\r\n")
        assert flood.recv(100).startswith(b"HTTP/1.1 400")

    assert sum(sizes) > 120_000
    assert max(sizes) <= 16_384


HEAD = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer dev\r\n"
AMBIGUOUS = {
    "both": HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "both-reversed": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "fold": HEAD + b"x-a: 1\r\n content-length: 5\r\n\r\n",
    "fold-of-tab": HEAD + b"x-a: 1\r\n\tb\r\n\r\n",
    "fold-of-lines": HEAD.replace(b"\r\n", b"\n") + b"x-a: 1\n b\n\n",
}


@pytest.mark.parametrize("before", [b"", HEAD + b"\r\n"], ids=["first", "pipelined"])
@pytest.mark.parametrize("ambiguous", AMBIGUOUS)
def test_a_request_whose_end_is_ambiguous_closes_the_connection(http: RunningHttp, ambiguous: str, before: bytes):
    with socket.create_connection(("127.0.0.1", http.port), timeout=30) as connection:
        connection.sendall(before + AMBIGUOUS[ambiguous] + HEAD + b"\r\n")
        answers = b"".join(iter(lambda: connection.recv(2**16), b""))

    assert answers.count(b"HTTP/1.1 400 ") == 1
    assert answers.count(b"HTTP/1.1 200 ") == (1 if before else 0)


def test_a_body_may_have_lines_that_begin_with_a_space(http: RunningHttp):
    body = json.dumps(BODY, indent=1).encode()

    assert http.send("POST", CHAT, body, content_type="application/json").status == 200


def test_a_slow_head_and_a_slow_body_end_the_connection(http: RunningHttp, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(foreword.http.protocol, "_HEAD_SECONDS", 0.2)
    monkeypatch.setattr(foreword.http.bodies, "_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", http.port), timeout=30) as slow:
        slow.sendall(b"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\n")
        assert slow.recv(100) == b""
    with socket.create_connection(("127.0.0.1", http.port), timeout=30) as slow:
        slow.sendall(
            b"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer dev\r\n"
            b"content-type: application/json\r\ncontent-length: 100\r\n\r\n{"
        )
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("stream", [True, False])
def test_a_caller_that_goes_away_cancels_its_generation(start_server, stream: bool):
    server = start_server(access_log=True)
    # Of four answers that are drawn at this temperature, some are long.
    body = {**BODY, "max_tokens": 480, "temperature": 2, "n": 4, "seed": 1, "stream": stream}
    content = json.dumps(body).encode()
    with running_http(server) as http, captured_logs() as lines:
        with socket.create_connection(("127.0.0.1", http.port), timeout=30) as connection:
            connection.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer dev\r\n"
                b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(content) + content
            )
            wait_until(lambda: server.engine.load().running_rows > 0)
        wait_until(lambda: [line["code"] for line in lines if line["event"] == "rpc"].count("CANCELLED") > 0)
        wait_until(lambda: server.engine.load().running_rows == 0)


@pytest.fixture
def prompt_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refusals of addresses over their limit are not held back."""
    monkeypatch.setattr(foreword.server.callers.failed_keys, "_DELAY_SECONDS", 0.0)


def test_wrong_keys_count_against_the_address_of_the_caller_which_nobody_can_forge(start_server, prompt_refusals):
    limited = start_server(max_failed_keys_per_minute=3)
    with running_http(limited) as http:
        for number in range(3):
            assert http.refused("GET", "/v1/models", key="x", x_forwarded_for=f"203.0.113.{number}")[0] == 401
        answer = http.send("GET", "/v1/models", key="x", x_forwarded_for="203.0.113.77")
        assert answer.status == 429
        assert answer.body["error"]["reason"] == "TOO_MANY_FAILED_KEYS"
        assert answer.body["error"]["code"] == "rate_limit_exceeded"
        assert int(answer.headers["retry-after"]) >= 1
        counts = limited.server._failed_keys._counts
        assert set(counts) == {"127.0.0.1"}


def test_callers_behind_a_trusted_proxy_have_limits_of_their_own(start_server, prompt_refusals):
    limited = start_server(max_failed_keys_per_minute=3, trusted_proxies=("127.0.0.1",))
    with running_http(limited) as http:
        for _ in range(4):
            http.refused("GET", "/v1/models", key="x", x_forwarded_for="198.51.100.7, 203.0.113.1")
        assert http.refused("GET", "/v1/models", key="x", x_forwarded_for="203.0.113.1")[0] == 429
        assert http.refused("GET", "/v1/models", key="x", x_forwarded_for="203.0.113.2")[0] == 401
        for bad in ("nonsense", "a" * 5_000, "1.2.3.4\t5"):
            assert http.refused("GET", "/v1/models", key="x", x_forwarded_for=bad)[0] == 401


def test_a_service_that_is_away_is_an_error_that_clients_repeat():
    http = RunningHttp("127.0.0.1:9")
    try:
        status, error = http.refused("POST", CHAT, BODY)
        assert (status, error["type"], error["code"]) == (503, "server_error", "unavailable")
        assert error["message"] == "The service is away or restarting. Try again."  # not where it is
    finally:
        http.close()


def test_keys_never_leave_the_machine_in_plain_text():
    with pytest.raises(InvalidArgumentError, match="insecure"):
        check_http_address(Settings(http_host="192.0.2.1"), dev_key=False)
    with pytest.raises(InvalidArgumentError, match="dev"):
        check_http_address(Settings(http_host="0.0.0.0", insecure=True), dev_key=True)
    check_http_address(Settings(http_host="0.0.0.0", insecure=True), dev_key=False)
    check_http_address(Settings(http_host="::1"), dev_key=True)


def test_the_access_log_has_a_line_for_each_request_without_keys_and_texts(server: RunningServer):
    key = server.new_key("logged")
    with running_http(server, access_log=True) as http, captured_logs() as lines:
        http.send("POST", CHAT, {**BODY, "messages": [{"role": "user", "content": "a secret text"}]}, key=key)
        http.refused("GET", f"/v1/files/{key}?purpose={key}", key="x")
        http.send("GET", f"/{key}", host="evil.example")
        wait_until(lambda: [line["event"] for line in lines].count("request") == 3)  # written after the response

    found = [line for line in lines if line["event"] == "request"]
    assert {(line["method"], line["route"], line["status"]) for line in found} == {
        ("POST", CHAT, 200),
        ("GET", "/v1/files/{file}", 401),
        ("GET", "", 421),
    }
    assert all(line["request_id"].startswith("req_") and line["seconds"] >= 0 for line in found)
    assert key not in str(lines)
    assert "a secret text" not in str(lines)


def test_an_unforeseen_fault_is_answered_with_the_id_of_its_log_entry(
    http: RunningHttp, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("of the key fw_0123456789abcdef_" + "x" * 43)

    monkeypatch.setattr("foreword.http.openai.inference.chat.parse_request", broken)
    with captured_logs() as lines:
        status, error = http.refused("POST", CHAT, BODY)
        wait_until(lambda: "request_failed" in [line["event"] for line in lines])

    (entry,) = [line for line in lines if line["event"] == "request_failed"]
    assert (status, error["type"], error["code"]) == (500, "server_error", "internal")
    assert entry["error_id"] in error["message"]
    assert "ZeroDivisionError" not in error["message"]


def test_other_addresses_than_loopback_are_served_with_tls(server: RunningServer, tmp_path: Path):
    certificates = make_certificates(tmp_path, "127.0.0.1")
    settings = {"tls_certificate": certificates.file, "tls_private_key": certificates.file}
    with running_http(server, http_host="0.0.0.0", **settings) as http:
        connection = HTTPSConnection("127.0.0.1", http.port, context=certificates.client, timeout=30)
        connection.request("GET", "/v1/models", headers={"authorization": "Bearer dev", "host": "any.example"})
        assert connection.getresponse().status == 200
        connection.close()


async def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path):
    (tmp_path / "key.pem").write_text("nonsense")
    settings = Settings(
        http_host="0.0.0.0",
        http_port=0,
        tls_certificate=tmp_path / "chain.pem",
        tls_private_key=tmp_path / "key.pem",
    )
    with listen_for_http(settings) as listening, pytest.raises(InvalidArgumentError, match=r"chain\.pem"):
        HttpServer(settings, service_client("127.0.0.1:9"), listening)
