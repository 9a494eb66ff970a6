"""`foreword http`: the service over HTTP, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from foreword.cli.settings import read_settings

if TYPE_CHECKING:
    from foreword.config import Settings


@click.command(short_help="Offer a service over HTTP.")
@click.option("--host", help="Address to listen on.  [env var: FOREWORD_HTTP_HOST; default: 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port; 0 for any.  [env var: FOREWORD_HTTP_PORT; default: 8051]",
)
@click.option(
    "--endpoint",
    envvar="FOREWORD_ENDPOINT",
    default="",
    help="Address of the service: [http[s]://]HOST[:PORT].  [env var: FOREWORD_ENDPOINT; default: 127.0.0.1:50051]",
)
@click.option(
    "--tls-ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="PEM file with the certificates of the service to trust.  [env var: FOREWORD_TLS_CA; default: the system's]",
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Minimum log level.  [default: info]"
)
@click.option("--descriptor", type=int, hidden=True, help="The socket of `foreword serve` that listens already.")
@click.option("--until-stdin-closes", is_flag=True, hidden=True, help="Also stop when the parent process ends.")
def http(
    host: str | None,
    port: int | None,
    endpoint: str,
    tls_ca: Path | None,
    log_level: str | None,
    descriptor: int | None,
    until_stdin_closes: bool,
) -> None:
    """Offer a service over HTTP: an interface like that of OpenAI, under /v1.

    `foreword serve` starts this process, unless it is called with --no-http. Callers send their API keys, which the
    service checks. So that it limits each caller by its own address, and not all of them together, add the address of
    this machine to FOREWORD_TRUSTED_PROXIES of a service on another one.
    """
    from foreword.observability import logging

    settings = read_settings(http_host=host, http_port=port, log_level=log_level)
    logging.configure(settings.log_level, settings.log_format)
    asyncio.run(_run(settings, endpoint, tls_ca, descriptor, until_stdin_closes))


async def _run(
    settings: Settings, endpoint: str, tls_ca: Path | None, descriptor: int | None, until_stdin_closes: bool
) -> None:
    from foreword import __version__
    from foreword.http.process import HttpServer, check_http_address, listen_for_http, service_client
    from foreword.observability.tracing import Tracing
    from foreword.scheduling.parent import when_stdin_closes

    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # callers get what gRPC would log
    check_http_address(settings, dev_key=settings.dev)
    listening = listen_for_http(settings) if descriptor is None else socket.socket(fileno=descriptor)
    listening.setblocking(False)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    service = service_client(endpoint, tls_ca=tls_ca)
    if descriptor is None:
        address = listening.getsockname()
        click.echo(f"HTTP is ready at {address[0]}:{address[1]}, for the service at {service.endpoint}.")
    tracing = Tracing(service="foreword-http", version=__version__) if settings.traces else None
    try:
        tracer = tracing.tracer if tracing is not None else None
        server = HttpServer(settings, service, listening, tracer=tracer)

        def end() -> None:
            server.abandon()
            stop.set()

        if until_stdin_closes:  # `foreword serve` was killed; it asks by a signal if it stops in order
            when_stdin_closes(lambda: loop.call_soon_threadsafe(end))
        await server.run(stop)
    finally:
        if tracing is not None:
            tracing.stop()
