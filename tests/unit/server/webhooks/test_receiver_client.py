"""Attempts at real receivers on loopback: what comes back, the limits, and the addresses that are never reached."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from factories.receivers import LOOPBACK, Answer, Certificates, Receiver, make_certificates, running_receiver
from foreword.config import Settings
from foreword.domain.webhook import Attempt, DeliveryProblem
from foreword.server.webhooks.receiver_client import ClientLimits, ReceiverClient
from foreword.server.webhooks.target import WebhookRules
from foreword.turns.turn_pool import TurnPool

SECRET = "whsec_plJ3nmyCDGBKInavdOK15jsl"
ANYWHERE = WebhookRules.of(Settings(**LOOPBACK))
PUBLIC = WebhookRules.of(Settings(**{**LOOPBACK, "webhook_allowed_networks": ()}))
QUICK = ClientLimits(resolve=0.3, connect=0.3, read=0.3, total=0.6, body=0.1)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"), "hooks.example.com")


async def post(url: str, rules: WebhookRules = ANYWHERE, **options: Any) -> Attempt:
    """Send an event."""
    pool = TurnPool("resolving", threads=2, clock=time.monotonic)
    client = ReceiverClient(resolving=pool, rules=rules, **{"limits": QUICK, **options})
    try:
        return await client.post("acme", url, id="evt-1", payload='{"type":"webhook.test"}', secrets=[SECRET])
    finally:
        pool.close()


def resolving(*addresses: str) -> Callable[[str, int], Sequence[str]]:
    return lambda _host, _port: addresses


@contextmanager
def raw_server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Yield the port of a server that treats each connection as told."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    serve(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


async def test_an_event_arrives_signed_with_its_headers(receiver: Receiver):
    attempt = await post(f"{receiver.url}?key=1")

    (arrived,) = receiver.received
    assert (attempt.problem, attempt.status) == (None, 204)
    assert arrived.verified(SECRET) == {"type": "webhook.test"}
    assert arrived.path == "/hooks?key=1"
    assert arrived.headers["content-type"] == "application/json"
    assert arrived.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert arrived.headers["user-agent"].startswith("Foreword/")
    assert "authorization" not in arrived.headers


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 429, 500, 503])
async def test_any_status_but_2xx_is_a_failure_and_no_redirect_is_followed(receiver: Receiver, status: int):
    with running_receiver() as other:
        receiver.answers = [Answer(status, {"Location": other.url})]
        attempt = await post(receiver.url)

        assert other.received == []
    assert (attempt.problem, attempt.status) == (DeliveryProblem.BAD_STATUS, status)


async def test_the_time_that_a_receiver_asks_for_is_read_in_both_forms(receiver: Receiver):
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    receiver.answers = [
        Answer(503, {"Retry-After": text})
        for text in ("120", "Sat, 31 Jan 2026 12:05:00 GMT", "Sat, 31 Jan 2026 11:00:00 GMT", "soon", "-5", "9" * 30)
    ]

    asked = [(await post(receiver.url, now=lambda: now)).retry_after for _ in range(6)]

    assert asked == [timedelta(seconds=120), timedelta(minutes=5), timedelta(0), None, None, None]


@pytest.mark.parametrize(
    "text",
    [
        f"Sat, 31 Jan {'9' * 20} 12:05:00 GMT",
        f"Sat, 31 Jan 2026 {'9' * 20}:05:00 GMT",
        f"Sat, 31 Jan 2026 12:05:00 +{'9' * 20}",
    ],
)
async def test_a_time_that_no_clock_has_does_not_undo_the_status(receiver: Receiver, text: str):
    receiver.answers = [Answer(200, {"Retry-After": text})]

    attempt = await post(receiver.url)

    assert (attempt.problem, attempt.status, attempt.retry_after) == (None, 200, None)


@pytest.mark.parametrize(
    ("head", "piece", "problem"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", DeliveryProblem.INVALID_ANSWER),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", None),
    ],
)
async def test_many_small_pieces_of_an_answer_keep_the_event_loop_free(
    head: bytes, piece: bytes, problem: DeliveryProblem | None
):
    sent = []

    def flood(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(head)
        for _ in range(100):
            connection.sendall(piece * 10_000)
            sent.append(10_000 * len(piece))

    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    with raw_server(flood) as port:
        counting = asyncio.create_task(count())
        attempt = await post(f"http://127.0.0.1:{port}/", limits=ClientLimits(total=10.0))
        counting.cancel()

    assert attempt.problem is problem
    assert turns > 20  # others had their turn after every part
    assert sum(sent) < 10_000_000


async def test_a_receiver_that_does_not_answer_is_given_up_in_time(receiver: Receiver):
    receiver.answers = [Answer(wait_seconds=1.0)]
    begin = time.monotonic()
    attempt = await post(receiver.url)

    assert attempt.problem is DeliveryProblem.TIMED_OUT
    assert 0.2 < time.monotonic() - begin < 0.9


async def test_a_receiver_that_answers_byte_by_byte_is_given_up_in_time():
    def dribble(connection: socket.socket) -> None:
        connection.recv(65_536)
        for letter in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1_000:
            connection.sendall(bytes([letter]))
            time.sleep(0.05)

    with raw_server(dribble) as port:
        begin = time.monotonic()
        attempt = await post(f"http://127.0.0.1:{port}/")

    assert attempt.problem is DeliveryProblem.TIMED_OUT
    assert time.monotonic() - begin < 2.0


async def test_a_long_or_slow_body_neither_fills_the_memory_nor_undoes_the_status():
    sent = []

    def flood(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        for _ in range(1_000):
            connection.sendall(b"x" * 65_536)
            sent.append(65_536)

    def slow(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx")
        time.sleep(0.5)

    for serve in (flood, slow):
        with raw_server(serve) as port:
            attempt = await post(f"http://127.0.0.1:{port}/")
        assert (attempt.problem, attempt.status) == (None, 200)
    assert sum(sent) < 20_000_000


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"", DeliveryProblem.CONNECTION_LOST),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", DeliveryProblem.INVALID_ANSWER),
        (b"-ERR unknown command\r\n\r\n", DeliveryProblem.INVALID_ANSWER),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000, DeliveryProblem.INVALID_ANSWER),
        (b"HTTP/1.1 200 O", DeliveryProblem.CONNECTION_LOST),
    ],
)
async def test_what_is_no_answer_is_reported(answer: bytes, problem: DeliveryProblem):
    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer)

    with raw_server(serve) as port:
        attempt = await post(f"http://127.0.0.1:{port}/")

    assert attempt.problem is problem
    assert attempt.status is None


async def test_a_closed_port_refuses_the_connection():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert (await post(f"http://127.0.0.1:{port}/")).problem is DeliveryProblem.NOT_CONNECTED


async def test_tls_has_the_name_of_the_host_although_the_address_was_checked(certificates: Certificates):
    with running_receiver(certificates.server) as receiver:
        attempt = await post(
            f"https://hooks.example.com:{receiver.port}/",
            resolve=resolving("127.0.0.1"),
            ssl_context=certificates.client,
        )

        assert (attempt.problem, attempt.status) == (None, 204)
        assert receiver.received[0].headers["host"] == f"hooks.example.com:{receiver.port}"


async def test_the_certificates_of_the_environment_are_trusted(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.file))
    with running_receiver(certificates.server) as receiver:
        attempt = await post(f"https://hooks.example.com:{receiver.port}/", resolve=resolving("127.0.0.1"))

    assert attempt.status == 204


@pytest.mark.parametrize("fault", ["name", "expired", "unknown", "plain"])
async def test_a_receiver_without_a_valid_certificate_gets_no_event(
    certificates: Certificates, tmp_path: Path, fault: str
):
    expired = make_certificates(tmp_path, "hooks.example.com", expired=True)
    context = {"plain": None, "expired": expired.server}.get(fault, certificates.server)
    trusted = {"unknown": None, "expired": expired.client}.get(fault, certificates.client)
    host = "other.example.com" if fault == "name" else "hooks.example.com"
    with running_receiver(context) as receiver:
        attempt = await post(f"https://{host}:{receiver.port}/", resolve=resolving("127.0.0.1"), ssl_context=trusted)

        assert attempt.problem is DeliveryProblem.TLS_FAILED
        assert receiver.received == []
    expected = {"name": "mismatch", "expired": "certificate has expired", "unknown": "self-signed certificate"}
    assert expected.get(fault, "") in attempt.detail


async def test_a_receiver_that_never_begins_tls_is_given_up_in_time(certificates: Certificates):
    with raw_server(lambda connection: time.sleep(1.0)) as port:
        attempt = await post(
            f"https://hooks.example.com:{port}/", resolve=resolving("127.0.0.1"), ssl_context=certificates.client
        )

    assert attempt.problem is DeliveryProblem.TIMED_OUT


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.1",),
        ("::1",),
        ("::ffff:127.0.0.1",),
        ("10.0.0.1",),
        ("169.254.169.254",),
        ("93.184.215.14", "127.0.0.1"),
        ("127.0.0.1", "93.184.215.14"),
        ("fe80::1%eth0",),
        (),
    ],
)
async def test_a_name_with_an_address_that_is_not_public_is_not_connected_to(
    receiver: Receiver, addresses: tuple[str, ...]
):
    attempt = await post(f"http://example.com:{receiver.port}/", PUBLIC, resolve=resolving(*addresses))

    assert attempt.problem is DeliveryProblem.ADDRESS_REFUSED
    assert receiver.received == []


async def test_a_name_that_changes_its_address_after_the_check_is_not_looked_up_again(receiver: Receiver):
    looked_up = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        looked_up.append(host)
        return ["::1"] if len(looked_up) == 1 else ["127.0.0.1"]

    rules = WebhookRules.of(Settings(**{**LOOPBACK, "webhook_allowed_networks": ("::1",)}))
    attempt = await post(f"http://example.com:{receiver.port}/", rules, resolve=rebinding)

    assert looked_up == ["example.com"]
    assert attempt.problem is DeliveryProblem.NOT_CONNECTED
    assert receiver.received == []


async def test_an_address_in_the_url_is_checked_by_the_rules_of_now(receiver: Receiver):
    """The operator may have allowed it when the webhook was created."""
    attempt = await post(receiver.url, PUBLIC)

    assert attempt.problem is DeliveryProblem.ADDRESS_REFUSED
    assert "no longer allows" in attempt.detail
    assert receiver.received == []


async def test_another_address_is_tried_if_the_first_does_not_accept(receiver: Receiver):
    rules = WebhookRules.of(Settings(**{**LOOPBACK, "webhook_allowed_networks": ("127.0.0.1", "::1")}))
    attempt = await post(f"http://example.com:{receiver.port}/", rules, resolve=resolving("::1", "127.0.0.1"))

    assert attempt.problem is None


async def test_a_name_without_an_address_and_one_whose_look_up_hangs_are_reported():
    def missing(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(-2, "Name or service not known")

    released = threading.Event()

    def hangs(host: str, port: int) -> Sequence[str]:
        released.wait(5)
        return ["127.0.0.1"]

    gone = await post("http://gone.example.com/", resolve=missing)
    begin = time.monotonic()
    slow = await post("http://slow.example.com/", resolve=hangs)
    released.set()

    assert gone.problem is slow.problem is DeliveryProblem.NAME_NOT_FOUND
    assert "in time" in slow.detail
    assert time.monotonic() - begin < 2.0


async def test_proxies_of_the_environment_have_no_effect(receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    with running_receiver() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        attempt = await post(receiver.url)

        assert attempt.problem is None
        assert len(receiver.received) == 1
        assert proxy.received == []


async def test_the_proxy_of_the_operator_gets_the_name_and_its_own_login():
    with running_receiver() as proxy:
        attempt = await post("http://hooks.example.com/x", PUBLIC, proxy=f"http://user:p%40ss@127.0.0.1:{proxy.port}")

    (arrived,) = proxy.received
    assert attempt.problem is None
    assert arrived.path == "http://hooks.example.com:80/x"
    assert arrived.headers["proxy-authorization"] == "Basic dXNlcjpwQHNz"


async def test_a_proxy_that_refuses_is_reported_and_addresses_are_still_checked(certificates: Certificates):
    with running_receiver() as proxy:
        proxy.otherwise = Answer(403)
        url = f"http://127.0.0.1:{proxy.port}"
        refused = await post("https://hooks.example.com/", PUBLIC, proxy=url, ssl_context=certificates.client)
        private = await post("http://10.0.0.1/", PUBLIC, proxy=url)

    assert refused.problem is DeliveryProblem.NOT_CONNECTED
    assert private.problem is DeliveryProblem.ADDRESS_REFUSED


def connections_to(port: int) -> list[str]:
    """Return the established connections of this machine to a port."""
    lines = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()]
    return [line[2] for line in lines if line[2].endswith(f":{port:04X}") and line[3] == "01"]


async def test_attempts_leave_no_connection_open(receiver: Receiver):
    receiver.otherwise = Answer(wait_seconds=0.5)
    await asyncio.gather(*(post(receiver.url) for _ in range(5)))
    receiver.otherwise = Answer()
    await asyncio.gather(*(post(receiver.url) for _ in range(5)))
    await asyncio.sleep(0)

    assert connections_to(receiver.port) == []
