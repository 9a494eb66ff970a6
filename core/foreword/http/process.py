"""The server of this process: its address, its encryption and its limits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from asyncio.sslproto import SSLProtocol
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from foreword import __version__
from foreword.addresses import is_loopback, parse_networks
from foreword.client import AsyncClient
from foreword.config import Settings
from foreword.errors import FailedPreconditionError, InvalidArgumentError
from foreword.http.app import create_app
from foreword.http.connections import MAX_CONNECTIONS, Connections, LimitedListener
from foreword.http.protocol import PART_BYTES, SteadyProtocol
from foreword.observability.metrics.endpoint import MetricsEndpoint
from foreword.observability.metrics.http import HttpMetrics
from foreword.observability.metrics.process import new_registry

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from foreword.http.traces import HttpTraces

_KEEP_ALIVE_SECONDS: Final = 5.0
"""Time for which a connection waits for another request."""
_MAX_HEAD_BYTES: Final = 64 * 2**10
_BACKLOG: Final = 256
_TIMEOUT_SECONDS: Final = 600.0
"""Maximum time for an answer, which is also that of the official clients. A base model may have to be loaded first."""
_RETRY_SECONDS: Final = 1.0
"""Callers have retries of their own, and are to learn soon when to make them."""


def service_client(endpoint: str, *, tls_ca: Path | None = None) -> AsyncClient:
    """Return the client over whose connection the requests of all callers go to the service.

    Raises:
        InvalidArgumentError: The endpoint is malformed, or the file cannot be read.
    """
    return AsyncClient(endpoint, api_key="", tls=tls_ca, timeout_seconds=_TIMEOUT_SECONDS, retry_seconds=_RETRY_SECONDS)


def check_http_address(settings: Settings, *, dev_key: bool) -> None:
    """Reject settings that would send keys over a network in plain text or expose the well-known key `dev`.

    Raises:
        InvalidArgumentError: The settings are unsafe or incomplete.
    """
    if is_loopback(settings.http_host):
        return
    if dev_key:
        raise InvalidArgumentError.of(
            "http_host",
            f"must be a loopback address such as 127.0.0.1 with dev, whose key is public, not {settings.http_host}",
        )
    if (settings.tls_certificate is None or settings.tls_private_key is None) and not settings.insecure:
        raise InvalidArgumentError.of(
            "http_host",
            f"{settings.http_host} is reachable from other machines, and keys would be sent in plain text; set "
            "tls_certificate and tls_private_key, or insecure if something else encrypts the connections",
        )


def listen_for_http(settings: Settings) -> socket.socket:
    """Return the socket that listens at the address of the settings.

    Raises:
        FailedPreconditionError: The port is in use, or the address does not belong to this machine.
    """
    host = settings.http_host.strip("[]")
    try:
        family = socket.getaddrinfo(host, settings.http_port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, settings.http_port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise FailedPreconditionError(
            f"HTTP cannot listen on {host}:{settings.http_port} ({error.strerror or error}). Set another port with "
            "FOREWORD_HTTP_PORT, or another address with FOREWORD_HTTP_HOST.",
            reason="ADDRESS_UNAVAILABLE",
        ) from error
    listening.setblocking(False)
    return listening


class HttpServer:
    """The HTTP server on an event loop.

    Args:
        settings: Its address and its limits.
        service: The client from `service_client`, which is closed with the server.
        listening: The socket from `listen_for_http`.
        tracer: Starts the spans of requests; None to record none.

    Raises:
        InvalidArgumentError: The certificate cannot be used.
    """

    def __init__(
        self, settings: Settings, service: AsyncClient, listening: socket.socket, *, tracer: Tracer | None = None
    ) -> None:
        self._service = service
        self._stopping = asyncio.Event()
        self._listening = listening
        registry = new_registry(__version__)
        metrics = HttpMetrics(registry)
        self._endpoint = MetricsEndpoint(
            registry,
            host=settings.metrics_host,
            ports=(settings.http_metrics_port,),
            setting="FOREWORD_HTTP_METRICS_PORT",
        )
        self._serves_metrics = settings.metrics
        self._connections = Connections(
            most_of_client=settings.http_max_connections_per_address,
            trusted=parse_networks(settings.trusted_proxies),
            most=MAX_CONNECTIONS,
            on_refusal=metrics.connection_refused,
        )
        metrics.watch(lambda: self.open_connections)
        # A stranger can cause a warning with every request.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        tls: dict[str, Any] = {}
        if not is_loopback(settings.http_host) and settings.tls_certificate is not None:
            # asyncio has no option for it: the memory in which each connection receives, 256 KiB by default.
            SSLProtocol.max_size = PART_BYTES
            tls = {"ssl_certfile": settings.tls_certificate, "ssl_keyfile": settings.tls_private_key}
            # An encrypted key is an error instead of a prompt on the terminal.
            tls["ssl_keyfile_password"] = "none"  # noqa: S105 - no password
        config = uvicorn.Config(
            create_app(service, settings, stopping=self._stopping, metrics=metrics, traces=_traces(tracer)),
            http=partial(SteadyProtocol, self._connections),  # type: ignore[arg-type] # only called
            ws="none",
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # only the service decides whose word about addresses counts
            server_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,  # type: ignore[arg-type] # fractions work as well
            h11_max_incomplete_event_size=_MAX_HEAD_BYTES,
            timeout_graceful_shutdown=round(settings.drain_seconds),
            **tls,
        )
        try:
            config.load()
        except (OSError, ValueError) as error:  # an SSLError is an OSError
            raise InvalidArgumentError.of(
                "tls_certificate",
                f"{settings.tls_certificate} and {settings.tls_private_key} are not a PEM certificate chain and its "
                f"unencrypted private key: {error}",
            ) from error
        self._server = _Server(config)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then complete running requests."""
        if self._serves_metrics:
            await asyncio.to_thread(self._endpoint.start)
        listening = LimitedListener(self._listening, self._connections)
        serving = asyncio.create_task(self._server.serve(sockets=[listening]))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
            self._stopping.set()
            self._server.should_exit = True
            await serving
        finally:
            stopping.cancel()
            await self._service.close()
            listening.close()
            await asyncio.to_thread(self._endpoint.stop)

    def abandon(self) -> None:
        """Complete no request when stopping: the service was killed, and its callers are to learn it at once."""
        self._server.force_exit = True

    @property
    def open_connections(self) -> int:
        """Number of open connections, without those that are refused."""
        return self._connections.number

    @property
    def metrics_port(self) -> int | None:
        """The port that serves the metrics; None if they are off, before `run`, and if the port was in use."""
        return self._endpoint.port


def _traces(tracer: Tracer | None) -> HttpTraces | None:
    if tracer is None:
        return None
    from foreword.http.traces import HttpTraces

    return HttpTraces(tracer)


class _Server(uvicorn.Server):
    """A server whose process handles the signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave all signals alone."""
        yield
