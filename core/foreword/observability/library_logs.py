"""Log lines of libraries, which use Python's `logging`: without secrets, and few of those that a peer can cause."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from foreword.redaction import redact

_PAUSE_SECONDS = 60.0
_MOST_EVENTS = 100
_INVALID_METADATA = "Invalid encoding on"


class RedactingFormatter(logging.Formatter):
    """A formatter that removes secrets from the whole entry, including its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the entry as text."""
        return redact(super().format(record))


class JsonFormatter(RedactingFormatter):
    """A formatter that writes an entry as one line of JSON, so that no text in it can look like an entry of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the entry as JSON, with the name of its logger as the component."""
        fields = {
            "component": record.name,
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return redact(json.dumps(fields, ensure_ascii=False))


class GrpcFilter(logging.Filter):
    """A filter that lets each event of gRPC through once a minute, with the number of times that it occurred since.

    Anybody who reaches the port can make gRPC log, without a key. gRPC also logs metadata that is not valid UTF-8, with
    its value, which may be a key: that value and the traceback are removed. Other faults keep theirs.

    Args:
        clock: Clock of monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last: dict[tuple[str, str], float] = {}
        self._omitted: dict[tuple[str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record, which is changed if it contains metadata."""
        if not (record.name == "grpc" or record.name.startswith("grpc.")):
            return True
        if str(record.msg).startswith(_INVALID_METADATA):
            record.msg, record.args = "A peer sent metadata that is not valid UTF-8; its value is not logged", ()
            record.exc_info = record.exc_text = record.stack_info = None
        event = (record.name, str(record.msg))
        now = self._clock()
        if now - self._last.get(event, float("-inf")) < _PAUSE_SECONDS:
            self._omitted[event] = self._omitted.get(event, 0) + 1
            return False
        if event not in self._last and len(self._last) >= _MOST_EVENTS:  # messages may contain names that peers choose
            self._last.clear()
            self._omitted.clear()
        self._last[event] = now
        omitted = self._omitted.pop(event, 0)
        if omitted:
            record.msg, record.args = f"{record.getMessage()} ({omitted} more since the last line)", ()
        return True
