"""Responses to callers that read slowly, or not at all, over real connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

import foreword.http.protocol
from factories.waiting import eventually
from foreword.errors import CancelledError, ForewordError, UnavailableError
from foreword.http.connections import Connections
from foreword.http.event_stream import EventStream, PacedResponse
from foreword.http.protocol import SteadyProtocol

PART = b"x" * 64 * 2**10
KERNEL_BYTES = 16 * 2**20
"""More than the buffers of both sockets."""


class Endless:
    """An application whose response never ends, which counts what it has generated."""

    def __init__(self) -> None:
        self.generated = 0
        self.closed = False

    async def parts(self) -> AsyncGenerator[bytes]:
        try:
            while True:
                self.generated += len(PART)
                yield PART
        finally:
            self.closed = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await PacedResponse(self.parts(), "text/plain")(scope, receive, send)


@pytest.fixture
async def served() -> AsyncIterator[tuple[Endless, int]]:
    app = Endless()
    listening = socket.create_server(("127.0.0.1", 0))
    protocol = partial(SteadyProtocol, Connections(most_of_client=10, trusted=(), most=10))
    config = uvicorn.Config(app, http=protocol, ws="none", lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])
    yield app, listening.getsockname()[1]
    await server.shutdown(sockets=[listening])


async def ask(port: int) -> socket.socket:
    connection = socket.socket()
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    await asyncio.get_running_loop().sock_sendall(connection, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    return connection


async def stopped(app: Endless) -> int:
    """Wait until nothing more is generated, and return how much was."""
    before = -1
    while app.generated != before or not before:
        before = app.generated
        await asyncio.sleep(0.1)
    return before


async def test_nothing_is_generated_for_a_caller_that_does_not_read(served: tuple[Endless, int]):
    app, port = served
    with await ask(port) as connection:
        held = await stopped(app)
        assert held < KERNEL_BYTES

        read = 0
        while read < 2 * KERNEL_BYTES:
            read += len(await asyncio.get_running_loop().sock_recv(connection, 2**20))
        assert app.generated > held
        assert app.generated - read < KERNEL_BYTES
        assert not app.closed

    await eventually(lambda: app.closed)


async def test_a_caller_that_never_reads_loses_its_connection(
    served: tuple[Endless, int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(foreword.http.protocol, "_STALL_SECONDS", 0.2)
    app, port = served
    with await ask(port):
        await eventually(lambda: app.closed)


async def test_an_error_after_the_first_event_is_the_last_event():
    async def events() -> AsyncGenerator[object]:
        yield {"n": 1}
        raise UnavailableError("gone")

    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    async def receive() -> dict:
        await asyncio.Event().wait()
        return {}

    await EventStream(events(), lambda error: {"error": str(error)})({"type": "http"}, receive, send)

    assert [message.get("body", b"") for message in sent] == [
        b"",
        b'data: {"n":1}\n\n',
        b'data: {"error":"gone"}\n\n',
        b"",
    ]
    assert sent[0]["status"] == 200
    assert sent[-1]["more_body"] is False


@pytest.mark.parametrize("kind", [UnavailableError, CancelledError])
async def test_an_error_before_the_first_event_is_raised_before_anything_is_sent(kind: type[ForewordError]):
    async def events() -> AsyncGenerator[object]:
        raise kind("gone")
        yield

    async def receive() -> dict:
        await asyncio.Event().wait()
        return {}

    with pytest.raises(kind):
        await EventStream(events(), str)({"type": "http"}, receive, None)
