"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from foreword.errors import CancelledError, ForewordError
from foreword.http.disconnects import unless_gone
from foreword.http.errors import RequestError

DONE: Final = "[DONE]"
_HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    "x-accel-buffering": "no",  # nginx would collect the events
}


class EventStream(Response):
    """A response of events, which are generated no faster than the caller reads them.

    An error before the first event is answered like that of any other request, with its own status. A later one is the
    last event.

    Args:
        events: The data of the events: JSON values, or texts.
        error_body: Returns the data for an error.
    """

    def __init__(self, events: AsyncGenerator[Any], error_body: Callable[[Exception], Any]) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._events = events
        self._error_body = error_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until they end or the caller has gone, which closes the generator."""
        try:
            await unless_gone(receive, self._send_all(send))
        except CancelledError:
            return  # there is nobody to answer

    async def _send_all(self, send: Send) -> None:
        started = False
        try:
            async with aclosing(self._events) as events:
                async for data in events:
                    if not started:
                        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                        started = True
                    # Waits while the connection's buffer is full, and with it the generator.
                    await send({"type": "http.response.body", "body": _event(data), "more_body": True})
        except (ForewordError, RequestError) as error:
            if not started:
                raise
            await send({"type": "http.response.body", "body": _event(self._error_body(error)), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _event(data: Any) -> bytes:
    content = data.encode() if isinstance(data, str) else JSONResponse(data).body
    return b"data: " + bytes(content) + b"\n\n"
