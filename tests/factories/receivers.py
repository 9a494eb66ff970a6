"""Receivers of webhooks on loopback: real HTTP and HTTPS servers that record what arrives and answer as told."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks.webhooks import Webhook

from factories.waiting import wait_until
from foreword.server.webhooks.deliveries import DeliveryTimes
from foreword.server.webhooks.dispatcher import DispatcherSettings
from foreword.server.webhooks.receiver_client import ClientLimits

LOOPBACK = {
    "webhook_allow_http": True,
    "webhook_ports": ("1-65535",),
    "webhook_allowed_networks": ("127.0.0.0/8",),
}
"""Settings of a server that may send events to receivers of tests."""

FAST = DeliveryTimes(
    first_wait_seconds=0.02,
    longest_wait_seconds=0.05,
    dispatcher=DispatcherSettings(poll_seconds=0.05),
    limits=ClientLimits(connect=1.0, read=1.0, total=1.0),
)
"""Deliveries that are retried at once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a receiver answers."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Received:
    """A request that has arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    time: float

    @property
    def id(self) -> str:
        """Id of the event."""
        return self.headers["webhook-id"]

    @property
    def event(self) -> Any:
        """The event, not verified."""
        return json.loads(self.body)

    def verified(self, secret: str) -> Any:
        """Return the event, verified by an implementation that is not Foreword's."""
        return Webhook(secret).verify(self.body, dict(self.headers))


class Receiver:
    """A receiver.

    Attributes:
        received: What has arrived so far.
        answers: The next answers; after them, `otherwise`.
        otherwise: The answer when none is left.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.answers: list[Answer] = []
        self.otherwise = Answer()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.scheme = "http" if context is None else "https"
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its URL by address."""
        return f"{self.scheme}://127.0.0.1:{self.port}/hooks"

    def note(self, received: Received) -> Answer:
        """Record a request and return the answer to it."""
        with self._lock:
            self.received.append(received)
            return self.answers.pop(0) if self.answers else self.otherwise

    def wait(self, count: int = 1) -> list[Received]:
        """Wait until this number of requests has arrived and return them."""
        wait_until(lambda: len(self.received) >= count)
        return self.received

    def of(self, kind: str) -> list[Received]:
        """Return the requests with events of a kind."""
        return [item for item in self.received if item.event["type"] == kind]

    def close(self) -> None:
        """Stop the receiver; connections to it are refused from now on."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def running_receiver(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Yield a receiver that ends with the block."""
    receiver = Receiver(context)
    try:
        yield receiver
    finally:
        receiver.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up."""


def _handler(receiver: Receiver) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = receiver.note(Received(self.path, headers, body, time.monotonic()))
            time.sleep(answer.wait_seconds)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    return Handler


@dataclass(frozen=True, slots=True)
class Certificates:
    """A certificate for some names: the contexts of a server that has it and of a client that trusts it."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    file: Path


def make_certificates(folder: Path, *names: str, expired: bool = False) -> Certificates:
    """Make a certificate that signs itself.

    Args:
        names: Names and addresses of the server.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    now = datetime.now(UTC)
    alternatives = [x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name) for name in names]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=-1 if expired else 1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{names[0]}{'-expired' if expired else ''}.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return Certificates(server=server, client=ssl.create_default_context(cafile=file), file=file)
