"""What this server captures, stored in batches. No request waits for it, and none fails because of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from foreword.domain.capture import MAX_CAPTURED_CHARACTERS, SeenRequest
from foreword.errors import ForewordError
from foreword.names import DeploymentName
from foreword.observability.logging import get_logger
from foreword.server.calls.pools import BEGIN_SECONDS, WRITE_SECONDS
from foreword.server.captures.redaction import Redactor
from foreword.server.inference.capture_point import CapturePoint
from foreword.storage.captures.ledger import CaptureCounts, CaptureLedger
from foreword.turns.cancellation import give_way
from foreword.turns.shares import exceeds_share
from foreword.turns.turn_pool import TurnPool

BATCH_SECONDS: Final = 1.0
"""Time for which requests are collected before they are stored, and the longest time of which `kill -9` loses them."""
BATCH_REQUESTS: Final = 200
"""Requests that one transaction stores at most, so that it holds the database only for milliseconds."""
MAX_PENDING_CHARACTERS: Final = 16_000_000
"""Length of the texts of all requests that wait to be stored; see `exceeds_share`. Any more are dropped."""
MAX_PENDING_SECONDS: Final = 60.0
"""Time after which a request that could not be stored is dropped, so that none appears long after its deletion was
asked for."""

_log = get_logger("captures")

_Key = tuple[DeploymentName, datetime]
Count = Callable[[CapturePoint, str, int], None]
"""Counts requests by what became of them: stored, repeated, full, off, busy, too_long, late or failed."""


@dataclass(slots=True)
class _Pending:
    """What is to be stored of one deployment, each request with the time at which it was seen."""

    point: CapturePoint
    requests: deque[tuple[float, SeenRequest]] = field(default_factory=deque)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)


class CaptureRecorder:
    """The requests that wait to be stored. All methods are called on the event loop.

    Args:
        work: Runs the redaction.
        storage: Runs the transactions.
        count: Called with the number of requests for each outcome; None for no counts.
        clock: Clock of monotonic time in seconds.
    """

    def __init__(
        self,
        *,
        ledger: CaptureLedger,
        redactor: Redactor,
        work: TurnPool,
        storage: TurnPool,
        count: Count | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._redactor = redactor
        self._work = work
        self._storage = storage
        self._count = _nothing if count is None else count
        self._clock = clock
        self._pending: dict[_Key, _Pending] = {}
        self._held: Counter[str] = Counter()
        self._filled = asyncio.Event()
        self._urgent = asyncio.Event()

    def saw(self, point: CapturePoint, seen: SeenRequest) -> None:
        """Store a request soon, unless there is no room."""
        tenant, size = point.deployment.tenant, seen.character_count
        if size > MAX_CAPTURED_CHARACTERS:
            self._count(point, "too_long", 1)
            return
        if exceeds_share(self._held, tenant, size, MAX_PENDING_CHARACTERS):
            self._count(point, "busy", 1)
            return
        self._held[tenant] += size
        key = (point.deployment, point.create_time)
        pending = self._pending.setdefault(key, _Pending(point))
        pending.requests.append((self._clock(), seen))
        self._filled.set()
        if len(pending.requests) >= BATCH_REQUESTS:
            self._urgent.set()

    async def run(self) -> None:
        """Store batches until the task is cancelled."""
        while True:
            await self._filled.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._urgent.wait(), BATCH_SECONDS)
            self._urgent.clear()
            self._filled.clear()
            try:
                await self.write()
            except Exception:  # the root of a background task
                _log.exception("captures_not_stored")

    async def write(self) -> None:
        """Store what waits now."""
        await asyncio.gather(*(self._write(key) for key in tuple(self._pending)))

    async def settle(self, deployment: DeploymentName) -> None:
        """Store what waits of one deployment, so that its requests can be found and deleted."""
        await asyncio.gather(*(self._write(key) for key in tuple(self._pending) if key[0] == deployment))

    async def _write(self, key: _Key) -> None:
        pending = self._pending.get(key)
        if pending is None:
            return
        async with pending.writing:
            while pending.requests:
                batch = [pending.requests.popleft() for _ in range(min(BATCH_REQUESTS, len(pending.requests)))]
                try:
                    await self._store(pending.point, self._fresh(pending.point, batch))
                except (ForewordError, asyncio.CancelledError) as error:
                    # They wait on. If they have been stored in spite of it, they will be found by their ids.
                    pending.requests.extendleft(reversed(batch))
                    self._filled.set()
                    if isinstance(error, ForewordError):
                        return  # the database has logged the cause
                    raise
                except Exception:
                    self._release(pending.point, batch)
                    self._count(pending.point, "failed", len(batch))
                    raise
                self._release(pending.point, batch)
            self._pending.pop(key, None)

    def _fresh(self, point: CapturePoint, batch: Iterable[tuple[float, SeenRequest]]) -> list[SeenRequest]:
        """Return the requests of a batch that have not waited for too long."""
        start = self._clock() - MAX_PENDING_SECONDS
        items = list(batch)
        fresh = [seen for time, seen in items if time >= start]
        if len(fresh) < len(items):
            self._count(point, "late", len(items) - len(fresh))
        return fresh

    async def _store(self, point: CapturePoint, requests: Sequence[SeenRequest]) -> None:
        if not requests:
            return
        tenant = point.deployment.tenant
        redacted = await self._work.run(tenant, BEGIN_SECONDS, self._redacted, requests)
        if len(redacted) < len(requests):
            self._count(point, "failed", len(requests) - len(redacted))
        counts = await self._storage.run(
            tenant, WRITE_SECONDS, self._ledger.add, point.deployment, point.create_time, redacted
        )
        self._tell(point, counts)

    def _redacted(self, requests: Sequence[SeenRequest]) -> list[SeenRequest]:
        """Return the requests as they may be stored, without those that a plugin failed on."""
        found = []
        for seen in requests:
            give_way()
            with contextlib.suppress(ForewordError):  # the cause has been logged
                found.append(self._redactor.request(seen))
        return found

    def _release(self, point: CapturePoint, batch: Iterable[tuple[float, SeenRequest]]) -> None:
        tenant = point.deployment.tenant
        self._held[tenant] -= sum(seen.character_count for _, seen in batch)
        if not self._held[tenant]:
            del self._held[tenant]

    def _tell(self, point: CapturePoint, counts: CaptureCounts) -> None:
        for outcome in ("stored", "repeated", "full", "off"):
            number = getattr(counts, outcome)
            if number:
                self._count(point, outcome, number)


def _nothing(_point: CapturePoint, _outcome: str, _number: int) -> None:
    """Count nothing."""
