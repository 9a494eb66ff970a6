"""The protocol of a connection: its limits of time and memory."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from foreword.http.connections import Connections
from foreword.http.framing import StrictConnection
from foreword.http.security import REFUSAL

_HEAD_SECONDS: Final = 20.0
"""Maximum time for the arrival of a request line and its headers."""
_REFUSED_HEAD_SECONDS: Final = 5.0
"""The same for a connection over a limit, which is only to be answered with an error."""
_STALL_SECONDS: Final = 60.0
"""Maximum time for which a caller may leave a full connection unread."""
_MOST_OF_H11: Final = 16 * 2**10
"""Maximum size of a head in bytes if none is set, as in h11."""
PART_BYTES: Final = 16 * 2**10
"""Largest part of a request that is read at once. Thousands of tiny chunks may be in it, which are parsed without a
pause: about 20 ms, in which nobody else is served."""
_UNREAD_BYTES: Final = 64 * 2**10
"""Size of a response that a connection holds for its caller before the response waits, and of a request that it holds
before it is read no further."""


class SteadyProtocol(H11Protocol):
    """The protocol of a connection, which is closed if a head takes too long to arrive or a response to be read.

    Args:
        connections: The connections that are open, of which this is one.
        options: The arguments of uvicorn.
    """

    _deadline: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None

    def __init__(self, connections: Connections, **options: Any) -> None:
        super().__init__(**options)
        # As uvicorn makes it, which has no option for another kind.
        self.conn = StrictConnection(h11.SERVER, self.config.h11_max_incomplete_event_size or _MOST_OF_H11)
        self._counted = connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        transport.max_size = PART_BYTES  # type: ignore[attr-defined] # of the transports of asyncio
        transport.set_write_buffer_limits(high=_UNREAD_BYTES)  # 512 KiB by default with TLS
        if self.scheme == "https":
            transport.set_read_buffer_limits(high=_UNREAD_BYTES)  # type: ignore[attr-defined] # of TLS transports
        refusal = self._counted.refusal(transport.get_extra_info("peername"))
        if refusal is not None:
            self.app_state = {**self.app_state, REFUSAL: refusal}
        self._wait(_HEAD_SECONDS if refusal is None else _REFUSED_HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived, and wait for the rest of a head, or of a body that nobody reads any more."""
        super().data_received(data)
        if self._is_waiting():
            self._wait(_HEAD_SECONDS)
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

    def _is_waiting(self) -> bool:
        """Return whether no request is being read or answered."""
        answered = self.cycle is None or self.cycle.response_complete
        return answered and self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    def _wait(self, seconds: float) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(seconds, self._close_if_waiting)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close_if_waiting(self) -> None:
        self._deadline = None
        if self._is_waiting():
            self.transport.close()
