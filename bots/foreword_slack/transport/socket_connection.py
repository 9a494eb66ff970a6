"""One connection of Socket Mode, from its ticket to its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

import aiohttp

from foreword.observability.logging import get_logger
from foreword_slack.clock import Clock
from foreword_slack.transport.intake import Answer

_log = get_logger(__name__)

Dispatch = Callable[[dict[str, Any], Mapping[str, str]], Awaitable[Answer]]

_ENVELOPES = frozenset({"events_api", "interactive", "slash_commands"})


class Ending(StrEnum):
    """The reason why a connection is to be replaced, or has ended."""

    WARNING = "warning"  # Slack will close it soon
    REFRESH = "refresh_requested"
    TOO_MANY = "too_many_websockets"
    DISABLED = "link_disabled"  # Socket Mode was switched off
    CLOSED = "closed"
    SILENT = "silent"  # half open: pings are not answered
    QUIET = "quiet"  # pings are answered, but no event has arrived for long
    STOPPED = "stopped"


class SocketConnection:
    """A connection that receives envelopes and acknowledges each once its event is stored.

    Args:
        dispatch: Accepts a payload. After an answer other than 200 or 400 the envelope is not acknowledged, so that
            Slack sends it again.
        ping_seconds: Time between two pings.
        silence_seconds: Time without any frame after which the connection counts as half open.
        quiet_seconds: Time without an event after which the connection is to be replaced.
    """

    def __init__(
        self,
        websocket: aiohttp.ClientWebSocketResponse,
        clock: Clock,
        dispatch: Dispatch,
        *,
        ping_seconds: float,
        silence_seconds: float,
        quiet_seconds: float,
    ) -> None:
        self._websocket, self._clock, self._dispatch = websocket, clock, dispatch
        self._ping_seconds, self._silence_seconds, self._quiet_seconds = ping_seconds, silence_seconds, quiet_seconds
        self._sign_time = self._event_time = clock.now()
        self._in_progress: set[asyncio.Task[None]] = set()
        self._leave: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._greeted = False
        self._decided = asyncio.Event()  # set once the connection is greeted or has ended

    @property
    def is_ready(self) -> bool:
        """True if Slack has greeted, and the connection is not to be replaced."""
        return self._greeted and not self._leave.done()

    async def ready(self) -> None:
        """Wait until Slack has greeted, or the connection has ended."""
        await self._decided.wait()

    async def leaving(self) -> Ending:
        """Wait until the connection should be replaced, and return the reason. It may still receive until it ends."""
        return await asyncio.shield(self._leave)

    async def run(self) -> None:
        """Receive until the connection ends, then wait until the received envelopes are handled."""
        watch = asyncio.create_task(self._watch())
        try:
            async for message in self._websocket:
                self._sign_time = self._clock.now()
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(message.data)
                elif message.type is aiohttp.WSMsgType.PING:
                    await self._websocket.pong(message.data)
        except (aiohttp.ClientError, ConnectionError):
            pass
        finally:
            watch.cancel()
            self._leaves(Ending.CLOSED)
            if self._in_progress:
                await asyncio.wait(list(self._in_progress))
            await self._websocket.close()

    async def stop(self, grace_seconds: float) -> None:
        """Acknowledge the received envelopes, then close the connection."""
        self._leaves(Ending.STOPPED)
        if self._in_progress:
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(grace_seconds):
                    await asyncio.wait(list(self._in_progress))
        await self._websocket.close()

    def _take(self, text: str) -> None:
        try:
            message = json.loads(text)
            kind = message.get("type")
        except (ValueError, AttributeError):
            _log.warning("socket_message_not_understood")
            return
        if kind == "hello":
            self._greeted = True
            self._decided.set()
        elif kind == "disconnect":
            reason = message.get("reason")
            self._leaves(Ending(reason) if reason in tuple(Ending) else Ending.REFRESH)
        elif kind in _ENVELOPES and isinstance(message.get("payload"), dict):
            self._event_time = self._sign_time
            task = asyncio.create_task(self._handle(message))
            self._in_progress.add(task)
            task.add_done_callback(self._in_progress.discard)

    async def _handle(self, envelope: Mapping[str, Any]) -> None:
        headers = {
            f"x-slack-retry-{name}": str(envelope[key])
            for name, key in (("num", "retry_attempt"), ("reason", "retry_reason"))
            if envelope.get(key)
        }
        answer = await self._dispatch(envelope["payload"], headers)
        if answer.status not in (200, 400):
            return
        acknowledgement: dict[str, Any] = {"envelope_id": envelope.get("envelope_id")}
        if answer.payload is not None and envelope.get("accepts_response_payload"):
            acknowledgement["payload"] = answer.payload
        try:
            await self._websocket.send_str(json.dumps(acknowledgement))
        except (aiohttp.ClientError, ConnectionError, RuntimeError):
            # The event is stored; Slack sends it again over another connection, where it is recognised.
            _log.info("socket_closed_before_acknowledgement")

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(self._ping_seconds)
            now = self._clock.now()
            if (now - self._sign_time).total_seconds() > self._silence_seconds:
                self._leaves(Ending.SILENT)
                await self._websocket.close()  # the client's timeout limits the wait for an answer
                return
            if (now - self._event_time).total_seconds() > self._quiet_seconds:
                self._leaves(Ending.QUIET)
            with contextlib.suppress(aiohttp.ClientError, ConnectionError, RuntimeError):
                await self._websocket.ping()

    def _leaves(self, ending: Ending) -> None:
        if not self._leave.done():
            self._leave.set_result(ending)
            self._decided.set()
