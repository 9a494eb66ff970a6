"""Responses that are generated no faster than their callers read them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from foreword.errors import ForewordError
from foreword.http.disconnects import unless_gone
from foreword.http.errors import CallerGoneError, RequestError

DONE: Final = "[DONE]"


class PacedResponse(Response):
    """A response in parts, each of which is generated when the connection has room for it.

    An error before the first part is answered like that of any other request, with its own status. A later one ends the
    response, after a last part if the kind of response has one.

    Args:
        parts: The parts. The generator is closed when the caller has gone.
        media_type: The type of the whole.
        last_part: Returns the part that reports an error; None if an error cuts the response off.
        headers: Further headers.
    """

    def __init__(
        self,
        parts: AsyncGenerator[bytes],
        media_type: str,
        *,
        last_part: Callable[[Exception], bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(media_type=media_type, headers=headers)
        del self.headers["content-length"]
        self._parts = parts
        self._last_part = last_part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the parts until they end or the caller has gone."""
        try:
            await unless_gone(receive, self._send_all(send))
        except CallerGoneError:
            return

    async def _send_all(self, send: Send) -> None:
        started = False
        try:
            async with aclosing(self._parts) as parts:
                async for part in parts:
                    if not started:
                        await self._start(send)
                        started = True
                    # Waits while the connection's buffer is full, and with it the generator.
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                    # Neither waits if all parts are there already and the caller has gone; others have their turn here.
                    await asyncio.sleep(0)
        except (ForewordError, RequestError) as error:
            if not started or self._last_part is None:
                raise
            await send({"type": "http.response.body", "body": self._last_part(error), "more_body": True})
        if not started:
            await self._start(send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _start(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})


class EventStream(PacedResponse):
    """Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

    Args:
        events: The data of the events: JSON values, or texts.
        error_body: Returns the data of the last event for an error.
    """

    def __init__(self, events: AsyncGenerator[Any], error_body: Callable[[Exception], Any]) -> None:
        super().__init__(
            _encoded(events),
            "text/event-stream",
            last_part=lambda error: _event(error_body(error)),
            headers={"x-accel-buffering": "no"},  # nginx would collect the events
        )


async def _encoded(events: AsyncGenerator[Any]) -> AsyncGenerator[bytes]:
    async with aclosing(events):
        async for data in events:
            yield _event(data)


def _event(data: Any) -> bytes:
    content = data.encode() if isinstance(data, str) else JSONResponse(data).body
    return b"data: " + bytes(content) + b"\n\n"
