"""Socket Mode: tickets, connections, envelopes, acknowledgements and disconnects.

See https://docs.slack.dev/apis/events-api/using-socket-mode.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from foreword_slack.testing.backend import Backend
from foreword_slack.testing.delivery import Outcome, Parcel
from foreword_slack.testing.errors import SlackError
from foreword_slack.testing.faults import SocketFault


@dataclass(slots=True, kw_only=True, eq=False)
class Socket:
    """A connection of the app.

    Attributes:
        number: Number of the connection, from 1.
        leaving: Whether Slack has announced the disconnect; nothing more is sent over it.
        half_open: Set if the network silently drops everything in both directions.
        received: Messages of the app, as parsed JSON.
    """

    number: int
    response: web.WebSocketResponse
    request: web.Request
    leaving: bool = False
    half_open: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: dict[str, asyncio.Future[dict[str, Any] | None]] = field(default_factory=dict)
    received: list[Any] = field(default_factory=list)

    async def send(self, content: dict[str, Any]) -> None:
        """Send JSON, unless the connection is half open."""
        if not self.half_open.is_set():
            await self.response.send_str(json.dumps(content))

    def cut(self) -> None:
        """Abort the TCP connection."""
        if self.request.transport is not None:
            self.request.transport.abort()

    def fail_waiting(self) -> None:
        """Fail all attempts that wait for an acknowledgement."""
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(ConnectionError())


class SocketMode:
    """Slack's end of Socket Mode: a transport that can also simulate faults.

    Attributes:
        opened: Number of connections opened so far.
        refused: Number of connections refused for a used, expired or unknown ticket.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._tickets: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.sockets: list[Socket] = []
        self.opened = 0
        self.refused = 0

    def issue_url(self) -> str:
        """Issue a URL for one connection.

        Raises:
            SlackError: Socket Mode is disabled.
        """
        if not self._backend.app.socket_mode:
            raise SlackError("forbidden_team")
        ticket = secrets.token_hex(16)
        self._tickets[ticket] = self._backend.time() + self._backend.limits.socket_ticket_seconds
        host = self._backend.base_url.replace("http", "ws", 1)
        return f"{host}/link/?ticket={ticket}&app_id={self._backend.app.id}"

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Serve a connection until it ends."""
        expires_at = self._tickets.pop(request.query.get("ticket", ""), 0.0)
        if expires_at < self._backend.time():
            self.refused += 1
            return web.Response(status=403, text="The ticket is used, expired or unknown. Request a new URL.")
        response = web.WebSocketResponse()
        await response.prepare(request)
        self.opened += 1
        socket = Socket(number=self.opened, response=response, request=request)
        if len(self.sockets) >= self._backend.limits.max_sockets:
            await socket.send(self._disconnect_message("too_many_websockets"))
            await response.close()
            return response
        self.sockets.append(socket)
        self._backend.journal.changed()
        pings = asyncio.create_task(self._ping(socket))
        try:
            await socket.send(self._hello())
            await self._receive(socket)
        except ConnectionError:
            pass  # the app disconnected during the greeting
        finally:
            pings.cancel()
            if socket in self.sockets:
                self.sockets.remove(socket)
            socket.closed.set()
            socket.fail_waiting()
            self._backend.journal.changed()
        return response

    async def attempt(self, parcel: Parcel) -> Outcome:
        """Send a parcel over one of the connections and wait for the acknowledgement."""
        usable = [socket for socket in self.sockets if not socket.leaving]
        if not usable:
            return Outcome(result="connection_failed")
        socket = usable[parcel.route % len(usable)]
        envelope_id = str(uuid.uuid4())
        future: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
        socket.waiting[envelope_id] = future
        try:
            async with self._backend.clock.timeout(self._backend.limits.ack_seconds):
                await socket.send(self._envelope(envelope_id, parcel))
                self._apply_fault(socket)
                answer = await future
        except TimeoutError:
            return Outcome(result="http_timeout", socket=socket.number)
        except ConnectionError:
            return Outcome(result="connection_failed", socket=socket.number)
        finally:
            socket.waiting.pop(envelope_id, None)
        return Outcome(result="acked", answer=answer, socket=socket.number)

    def disconnect(self, reason: str, socket: Socket | None = None) -> None:
        """Announce a disconnect, and close the connection after the grace period.

        Args:
            reason: `warning`, `refresh_requested`, `too_many_websockets` or `link_disabled`.
            socket: The connection. Default: all connections.
        """
        for leaving in [socket] if socket else list(self.sockets):
            leaving.leaving = True
            self._start(self._leave(leaving, reason))

    def switch_off(self) -> None:
        """Disable Socket Mode, as in the app's settings."""
        self._backend.app.socket_mode = False
        self.disconnect("link_disabled")

    def swallow(self, socket: Socket | None = None) -> None:
        """Leave connections half open, so that everything is silently dropped."""
        for swallowed in [socket] if socket else list(self.sockets):
            swallowed.half_open.set()

    def cut(self, socket: Socket | None = None) -> None:
        """Abort TCP connections."""
        for broken in [socket] if socket else list(self.sockets):
            broken.cut()

    async def close(self) -> None:
        """Abort all connections, like a server that stops."""
        for task in list(self._tasks):
            task.cancel()
        for socket in list(self.sockets):
            socket.cut()
            await socket.closed.wait()

    def _apply_fault(self, socket: Socket) -> None:
        fault = self._backend.faults.draw_socket()
        if fault is SocketFault.CUT:
            socket.cut()
        elif fault is SocketFault.HALF_OPEN:
            self.swallow(socket)
        elif fault is not None:
            self.disconnect(fault.value, socket)

    async def _leave(self, socket: Socket, reason: str) -> None:
        try:
            await socket.send(self._disconnect_message(reason))
            await self._backend.clock.sleep(self._backend.limits.disconnect_grace_seconds)
            await socket.response.close(code=1000)
        except ConnectionError:
            pass  # the connection has already ended

    async def _receive(self, socket: Socket) -> None:
        swallowed = asyncio.create_task(socket.half_open.wait())
        try:
            while True:
                # Reading also answers the app's pings, so a half-open connection must not read.
                reading = asyncio.ensure_future(socket.response.receive())
                await asyncio.wait({reading, swallowed}, return_when=asyncio.FIRST_COMPLETED)
                if not reading.done():
                    reading.cancel()
                    await self._wait_for_the_end(socket)
                    return
                message = reading.result()
                if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                    return
                if message.type is WSMsgType.TEXT:
                    self._take(socket, message.data)
        finally:
            swallowed.cancel()

    async def _wait_for_the_end(self, socket: Socket) -> None:
        """Wait until the app closes a half-open connection, without reading from it."""
        while socket.request.transport is not None and not socket.request.transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # without a reader there is no event to wait for

    def _take(self, socket: Socket, text: str) -> None:
        try:
            content = json.loads(text)
        except ValueError:
            socket.received.append(text)
            return
        socket.received.append(content)
        future = socket.waiting.get(content.get("envelope_id", "")) if isinstance(content, dict) else None
        if future is not None and not future.done():
            future.set_result(content.get("payload"))

    async def _ping(self, socket: Socket) -> None:
        while True:
            await self._backend.clock.sleep(self._backend.limits.socket_ping_seconds)
            if not socket.half_open.is_set():
                await socket.response.ping(f"Ping from the fake Slack, connection {socket.number}".encode())

    def _start(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _hello(self) -> dict[str, Any]:
        return {
            "type": "hello",
            "num_connections": len(self.sockets),
            "connection_info": {"app_id": self._backend.app.id},
            "debug_info": {"host": "fake", "approximate_connection_time": 18060},
        }

    def _disconnect_message(self, reason: str) -> dict[str, Any]:
        return {"type": "disconnect", "reason": reason, "debug_info": {"host": "fake"}}

    def _envelope(self, id: str, parcel: Parcel) -> dict[str, Any]:
        content: dict[str, Any] = {
            "envelope_id": id,
            "type": parcel.envelope_type,
            "accepts_response_payload": parcel.takes_answer,
            "payload": parcel.payload,
        }
        if parcel.envelope_type == "events_api":
            content |= {"retry_attempt": parcel.retry_number, "retry_reason": parcel.retry_reason}
        return content
