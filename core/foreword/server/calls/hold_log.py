"""Log lines about requests that hold the event loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from foreword.observability.logging import get_logger
from foreword.observability.loop_watchdog import Hold
from foreword.server.calls.call_record import CallRecord, record_of

_PAUSE_SECONDS = 60.0
_MOST_HOLDERS = 200
_log = get_logger("server")


@dataclass(slots=True)
class _Holder:
    logged: float
    count: int = 0
    longest: float = 0.0


class HoldLog:
    """A log with one line a minute for each RPC and line of code that holds the event loop.

    Args:
        clock: Clock of monotonic time in seconds.

    Attributes:
        longest_seconds: CPU time of the longest hold so far; 0 if there was none.
        count: Number of holds so far.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._holders: dict[tuple[str, str], _Holder] = {}
        self._lock = threading.Lock()
        self.longest_seconds = 0.0
        self.count = 0

    def add(self, hold: Hold) -> None:
        """Log a hold, or count it if its holder was logged a moment ago. It may be called on any thread."""
        record = record_of(hold.task) or CallRecord()
        with self._lock:
            self.count += 1
            self.longest_seconds = max(self.longest_seconds, hold.seconds)
            holder = self._holder(record.method, hold.place or hold.innermost)
            holder.count += 1
            holder.longest = max(holder.longest, hold.seconds)
            if self._clock() - holder.logged >= _PAUSE_SECONDS:
                _log.warning(
                    "event_loop_held",
                    method=record.method,
                    tenant=record.tenant,
                    request_id=record.request_id,
                    task="" if hold.task is None else hold.task.get_name(),
                    milliseconds=round(1000 * holder.longest),
                    count=holder.count,
                    place=hold.place,
                    innermost=hold.innermost,
                )
                holder.logged, holder.count, holder.longest = self._clock(), 0, 0.0

    def _holder(self, method: str, place: str) -> _Holder:
        if (method, place) not in self._holders and len(self._holders) >= _MOST_HOLDERS:
            self._holders.clear()
        return self._holders.setdefault((method, place), _Holder(float("-inf")))
