"""Socket Mode: tickets, connections, envelopes, acknowledgements and Slack's ways to end a connection.

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
        number: Counted from 1.
        leaving: Whether Slack has announced its end; nothing more is sent over it then.
        half_open: Whether the network has swallowed it: nothing arrives in either direction, and nobody is told.
        received: What the app has sent, as parsed JSON.
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
        """Sends JSON, unless the network swallows it."""
        if not self.half_open.is_set():
            await self.response.send_str(json.dumps(content))

    def cut(self) -> None:
        """Breaks the TCP connection."""
        if self.request.transport is not None:
            self.request.transport.abort()

    def fail_waiting(self) -> None:
        """Lets those who wait for an acknowledgement know that none will come."""
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(ConnectionError())


class SocketMode:
    """Slack's end of Socket Mode: a transport, and a hand to disturb it.

    Attributes:
        opened: How many connections there have been.
        refused: How many came with a ticket that was used, too old or never given out.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._tickets: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.sockets: list[Socket] = []
        self.opened = 0
        self.refused = 0

    def issue_url(self) -> str:
        """A URL for one connection.

        Raises:
            SlackError: Socket Mode is switched off.
        """
        if not self._backend.app.socket_mode:
            raise SlackError("forbidden_team")
        ticket = secrets.token_hex(16)
        self._tickets[ticket] = self._backend.time() + self._backend.limits.socket_ticket_seconds
        host = self._backend.base_url.replace("http", "ws", 1)
        return f"{host}/link/?ticket={ticket}&app_id={self._backend.app.id}"

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Serves a connection until it ends."""
        expires_at = self._tickets.pop(request.query.get("ticket", ""), 0.0)
        if expires_at < self._backend.time():
            self.refused += 1
            return web.Response(status=403, text="the ticket is used, too old or unknown")
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
            pass  # the app went while it was greeted
        finally:
            pings.cancel()
            if socket in self.sockets:
                self.sockets.remove(socket)
            socket.closed.set()
            socket.fail_waiting()
            self._backend.journal.changed()
        return response

    async def attempt(self, parcel: Parcel) -> Outcome:
        """Sends a parcel over one of the connections and waits for the acknowledgement."""
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
                self._disturb(socket)
                answer = await future
        except TimeoutError:
            return Outcome(result="http_timeout", socket=socket.number)
        except ConnectionError:
            return Outcome(result="connection_failed", socket=socket.number)
        finally:
            socket.waiting.pop(envelope_id, None)
        return Outcome(result="acked", answer=answer, socket=socket.number)

    def disconnect(self, reason: str, socket: Socket | None = None) -> None:
        """Announces the end of a connection, and ends it after the usual grace.

        Args:
            reason: `warning`, `refresh_requested`, `too_many_websockets` or `link_disabled`.
            socket: Of this connection; default: of all.
        """
        for leaving in [socket] if socket else list(self.sockets):
            leaving.leaving = True
            self._start(self._leave(leaving, reason))

    def switch_off(self) -> None:
        """Somebody switches Socket Mode off in the app's settings."""
        self._backend.app.socket_mode = False
        self.disconnect("link_disabled")

    def swallow(self, socket: Socket | None = None) -> None:
        """Leaves connections half open: nothing arrives any more, and nobody is told."""
        for swallowed in [socket] if socket else list(self.sockets):
            swallowed.half_open.set()

    def cut(self, socket: Socket | None = None) -> None:
        """Breaks TCP connections."""
        for broken in [socket] if socket else list(self.sockets):
            broken.cut()

    async def close(self) -> None:
        """Ends all connections, as a server does that stops."""
        for task in list(self._tasks):
            task.cancel()
        for socket in list(self.sockets):
            socket.cut()
            await socket.closed.wait()

    def _disturb(self, socket: Socket) -> None:
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
            pass  # it has ended by itself

    async def _receive(self, socket: Socket) -> None:
        swallowed = asyncio.create_task(socket.half_open.wait())
        try:
            while True:
                # Reading is what answers the app's pings, so a half-open connection must not read.
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
        """The app notices at some time that nothing comes and closes; Slack notices that as little as anything."""
        while socket.request.transport is not None and not socket.request.transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # nothing tells of it while nobody reads

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
