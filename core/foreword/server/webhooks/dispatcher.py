"""The background task that delivers events to webhooks, together with those of other servers of the database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from foreword.domain.webhook import Attempt, DeliveryProblem
from foreword.errors import ExhaustedError, UnavailableError
from foreword.names import WebhookName
from foreword.observability.logging import get_logger
from foreword.server.calls.pools import READ_SECONDS, WRITE_SECONDS
from foreword.server.webhooks.receiver_client import ReceiverClient
from foreword.storage.workers.delivery_queue import ClaimedDelivery, DeliveryQueue, Result, Verdict
from foreword.turns.turn_pool import SERVICE, TurnPool

POLL_SECONDS: Final = 1.0
MAX_PLACES: Final = 256
"""Maximum number of attempts that are under way in one server. They mostly wait, and each has a connection."""
MAX_UNPROVEN_PLACES: Final = 64
"""Maximum number of those to receivers that fail, or that have never accepted an event."""

_RECOVERY_SECONDS: Final = 5.0
_PURGE_SECONDS: Final = 600.0
_LEASE_MARGIN_SECONDS: Final = 30.0
_log = get_logger("webhooks")


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatcherSettings:
    """Settings of the deliveries of one server.

    Attributes:
        poll_seconds: Time between two looks for events, which servers and workers write at any time.
        places: Maximum number of attempts that are under way.
        unproven_places: Maximum number of those to receivers that fail, or that have never accepted an event.
    """

    poll_seconds: float = POLL_SECONDS
    places: int = MAX_PLACES
    unproven_places: int = MAX_UNPROVEN_PLACES


class Dispatcher:
    """The sender of the events that are due.

    Args:
        storage: Runs the transactions.
        on_attempt: Called with each attempt that counts and what follows from it.
    """

    def __init__(
        self,
        *,
        queue: DeliveryQueue,
        client: ReceiverClient,
        storage: TurnPool,
        settings: DispatcherSettings | None = None,
        on_attempt: Callable[[Attempt, Result], object] = lambda _attempt, _result: None,
    ) -> None:
        self._queue = queue
        self._client = client
        self._storage = storage
        self._settings = settings or DispatcherSettings()
        self._on_attempt = on_attempt
        self._lease = timedelta(seconds=client.limits.longest + _LEASE_MARGIN_SECONDS)
        self._under_way: dict[asyncio.Task[None], ClaimedDelivery] = {}
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look for events at once instead of after the interval."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver events until the task is cancelled. `drain` completes what is under way then."""
        purge_due = 0.0
        loop = asyncio.get_running_loop()
        while True:
            self._woken.clear()
            pause = self._settings.poll_seconds
            try:
                if await self._start():
                    pause = 0.0  # each tenant had one turn; more events may be due
                if loop.time() >= purge_due:
                    purge_due = loop.time() + _PURGE_SECONDS
                    await self._storage.run(SERVICE, WRITE_SECONDS, self._queue.purge)
            except UnavailableError:  # the database has logged the cause once; it may recover
                pause = _RECOVERY_SECONDS
            except Exception:  # the root of a background task
                _log.exception("webhooks_failed")
                pause = _RECOVERY_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), pause)

    async def drain(self, grace_seconds: float) -> None:
        """Wait for the attempts that are under way. Those that take longer are given to other servers at once.

        Args:
            grace_seconds: Maximum time to wait.
        """
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=grace_seconds)
        left = dict(self._under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        with contextlib.suppress(UnavailableError):  # otherwise, their leases expire
            for claim in left.values():
                await self._storage.run(SERVICE, WRITE_SECONDS, self._queue.release, claim)

    async def _start(self) -> bool:
        """Start attempts that are due, as far as there is room; return whether there were any."""
        places = self._settings.places - len(self._under_way)
        if places <= 0:
            return False
        unproven = sum(claim.is_unproven for claim in self._under_way.values())
        claimed = await self._storage.run(
            SERVICE,
            READ_SECONDS,
            self._queue.claim,
            places=places,
            unproven_places=max(0, self._settings.unproven_places - unproven),
            lease=self._lease,
        )
        for claim in claimed:
            task = asyncio.create_task(self._deliver(claim), name="webhook")
            self._under_way[task] = claim
            task.add_done_callback(self._let_go)
        return bool(claimed)

    def _let_go(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self.wake()

    async def _deliver(self, claim: ClaimedDelivery) -> None:
        """Make one attempt and record how it ended."""
        try:
            attempt = await self._attempt(claim)
            if attempt is None:
                await self._storage.run(SERVICE, WRITE_SECONDS, self._queue.release, claim)
                return
            result = await self._storage.run(SERVICE, WRITE_SECONDS, self._queue.finish, claim, attempt)
        except UnavailableError:  # as above; the lease expires, and the event is sent again
            return
        except Exception:  # the root of a task, which must not end the others
            _log.exception("webhooks_failed")
            return
        if result.verdict is Verdict.LOST:
            return
        self._on_attempt(attempt, result)
        name = str(WebhookName(claim.tenant, claim.webhook))
        if result.verdict is Verdict.GIVEN_UP:
            _log.warning("event_given_up", webhook=name, event=claim.id)
        if result.disabled is not None:
            _log.warning("webhook_disabled", webhook=name, reason=result.disabled.value)

    async def _attempt(self, claim: ClaimedDelivery) -> Attempt | None:
        """Make an attempt; return None if there was none, because too many look-ups of names wait."""
        try:
            return await self._client.post(
                claim.tenant, claim.url, id=claim.id, payload=claim.payload, secrets=claim.secrets
            )
        except (ExhaustedError, UnavailableError):
            return None
        except Exception:  # otherwise, it would be made again and again for ever
            _log.exception("webhooks_failed")
            return Attempt(problem=DeliveryProblem.NOT_CONNECTED, detail="a fault of the service")
