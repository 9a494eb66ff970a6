"""The server of this process: its address, its encryption and its limits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from foreword.addresses import is_loopback
from foreword.client import AsyncClient
from foreword.config import Settings
from foreword.errors import FailedPreconditionError, InvalidArgumentError
from foreword.http.app import create_app

_HEAD_SECONDS: Final = 20.0
"""Maximum time for the arrival of a request line and its headers."""
_STALL_SECONDS: Final = 60.0
"""Maximum time for which a caller may leave a full connection unread."""
_MAX_HEAD_BYTES: Final = 64 * 2**10
_PART_BYTES: Final = 16 * 2**10
"""Largest part of a request that is read at once. Thousands of tiny chunks may be in it, which are parsed without a
pause: about 20 ms, in which nobody else is served. With TLS, the parts are larger."""
_MAX_CONNECTIONS: Final = 2_000
"""Connections beyond these are answered with status 503 at once."""
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

    Raises:
        InvalidArgumentError: The certificate cannot be used.
    """

    def __init__(self, settings: Settings, service: AsyncClient, listening: socket.socket) -> None:
        self._service = service
        self._listening = listening
        # A stranger can cause a warning with every request.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        tls: dict[str, Any] = {}
        if not is_loopback(settings.http_host) and settings.tls_certificate is not None:
            tls = {"ssl_certfile": settings.tls_certificate, "ssl_keyfile": settings.tls_private_key}
            # An encrypted key is an error instead of a prompt on the terminal.
            tls["ssl_keyfile_password"] = "none"  # noqa: S105 - no password
        config = uvicorn.Config(
            create_app(service, settings),
            http=SteadyProtocol,
            ws="none",
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # only the service decides whose word about addresses counts
            server_header=False,
            backlog=_BACKLOG,
            limit_concurrency=_MAX_CONNECTIONS,
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
        serving = asyncio.create_task(self._server.serve(sockets=[self._listening]))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
            self._server.should_exit = True
            await serving
        finally:
            stopping.cancel()
            await self._service.close()
            self._listening.close()


class _Server(uvicorn.Server):
    """A server whose process handles the signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave all signals alone."""
        yield


class SteadyProtocol(H11Protocol):
    """The protocol of a connection, which is closed if a head takes too long to arrive or a response to be read."""

    _deadline: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        transport.max_size = _PART_BYTES  # type: ignore[attr-defined] # of the transports of asyncio
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Take what has arrived, and wait for the rest of a head."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._wait_for_head()
        else:
            self._stop_waiting()

    def pause_writing(self) -> None:
        """Pause the response, because the caller has left too much of it unread."""
        super().pause_writing()
        if self._stall is None:
            # Not `close`, which would wait for the caller to read the rest.
            self._stall = self.loop.call_later(_STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Continue the response."""
        self._end_stall()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the connection."""
        self._stop_waiting()
        self._end_stall()
        super().connection_lost(exc)

    def _end_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _wait_for_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(_HEAD_SECONDS, self._close_if_waiting)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close_if_waiting(self) -> None:
        self._deadline = None
        if self.conn.their_state is h11.IDLE and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()
