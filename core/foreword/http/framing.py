"""Requests whose end two programs may see at different places, so that one of them takes a part for another request."""

from __future__ import annotations

import re
from typing import Any, Final

import h11

_FOLD: Final = re.compile(rb"\n[ \t]")
_HEAD_END: Final = re.compile(rb"\n\r?\n")


class StrictConnection(h11.Connection):
    """A connection that refuses what h11 accepts but proxies may read otherwise.

    These are a `Content-Length` beside a `Transfer-Encoding`
    (https://www.rfc-editor.org/rfc/rfc9112#section-6.1), and headers that are continued on another line
    (https://www.rfc-editor.org/rfc/rfc9112#section-5.2).
    """

    def next_event(self) -> Any:
        """Return the next event.

        Raises:
            h11.RemoteProtocolError: The request is refused.
        """
        received = self.trailing_data[0] if self.their_state is h11.IDLE else b""
        event = super().next_event()
        if isinstance(event, h11.Request):
            end = _HEAD_END.search(received)
            if _FOLD.search(received, 0, end.start() if end is not None else len(received)):
                raise h11.RemoteProtocolError("a header is continued on another line")
            if {b"content-length", b"transfer-encoding"} <= {name.lower() for name, _ in event.headers}:
                raise h11.RemoteProtocolError("the request has both Content-Length and Transfer-Encoding")
        return event
