"""The durable inbox: every event acknowledged to Slack is handled, however often the bot crashes meanwhile.

An event is stored before it is acknowledged. Workers claim events with a lease, so the events of a killed bot become
available again. A failed event is retried with growing waits, and given up after a maximum number of attempts with a
reason that people see. The events of one complaint are handled one at a time, in the order in which they happened.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from foreword.backoff import Backoff
from foreword.errors import ForewordError, LeaseLostError, UnavailableError
from foreword.observability.logging import get_logger
from foreword_slack.store import Event, Lane, NewEvent, Operator, Store, UnitOfWork
from foreword_slack.wakeup import Wakeup

_log = get_logger(__name__)

Handler = Callable[[Event], Awaitable[None]]
"""A handler of one event; see `Inbox`."""


class PostponedError(Exception):
    """Raised by a handler if another event must be handled first, such as the message of an edit that arrived early.

    Args:
        seconds: Time until the next attempt. It does not count as a failure; the handler limits it by the event's age.
        reason: What the event waits for, without quoting a person's text.
    """

    def __init__(self, seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.seconds, self.reason = seconds, reason


class HopelessError(Exception):
    """Raised by a handler if no further attempt can succeed; the event is given up at once.

    Args:
        reason: The reason, without quoting a person's text.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RetriedError(Exception):
    """Raised by a handler for a failure that is retried, and shown with a reason.

    Args:
        reason: The reason, without quoting a person's text.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxSettings:
    """Settings of the inbox.

    Attributes:
        workers: Number of events handled at a time.
        lease_seconds: Time after which the events of a killed bot are available again.
        max_attempts: Number of failures after which an event is given up.
        first_wait_seconds: Maximum wait after the first failure; it doubles with each failure.
        longest_wait_seconds: Maximum of every wait.
        poll_seconds: Time between two looks for events that other bots stored.
        keep_days: Time that finished events are kept, to recognise them if they are delivered again.
    """

    workers: int = 8
    lease_seconds: float = 30.0
    max_attempts: int = 10
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 300.0
    poll_seconds: float = 5.0
    keep_days: float = 7.0


class Inbox:
    """The events of all workspaces, each handled once.

    A handler ends with a transaction that makes its changes and calls `uow.inbox.done(event)`, so that both are
    committed or neither. If the handler returns without this call, the inbox marks the event as done. The handler may
    run again after a crash at any moment before, so it must be idempotent. It raises `PostponedError` to wait for
    another event, `HopelessError` to give up, and any other exception to be retried.

    Args:
        handle: Handles one event.
        lane: The events to handle.
        random: Source of the jitter of waits.
        on_dead: Called with the reason in the transaction that gives an event up.
        on_repeated: Called with the kind of each event that was known already.
    """

    def __init__(
        self,
        store: Store,
        handle: Handler,
        *,
        lane: Lane = Lane.EVENTS,
        settings: InboxSettings | None = None,
        random: Random | None = None,
        on_dead: Callable[[UnitOfWork, Event, str], None] | None = None,
        on_repeated: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._store, self._clock, self._handle = store, store.clock, handle
        self._lane = lane
        self._settings = settings or InboxSettings()
        self._backoff = Backoff(
            self._settings.first_wait_seconds,
            self._settings.longest_wait_seconds,
            random or Random(),  # noqa: S311 - jitter
        )
        self._on_dead = on_dead
        self._on_repeated = on_repeated
        self._lease = timedelta(seconds=self._settings.lease_seconds)
        self._wakeup = Wakeup(self._clock)
        self._arrivals: list[tuple[NewEvent, asyncio.Future[bool]]] = []
        self._keeping: asyncio.Task[None] | None = None
        self._in_progress: dict[asyncio.Task[None], Event] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self.counts: Counter[str] = Counter()
        store.listen(events=self._wakeup.set)

    async def put(self, event: NewEvent) -> bool:
        """Store an event; once this returns, the event survives a crash.

        Returns:
            False if the event was known already.

        Raises:
            UnavailableError: The event could not be stored and must not be acknowledged to Slack.
        """
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._arrivals.append((event, kept))
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.create_task(self._keep())
        fresh = await kept
        self.counts["received" if fresh else "repeated"] += 1
        if not fresh:
            self._on_repeated(event.kind)
        return fresh

    def start(self) -> None:
        """Start to handle events."""
        assert not self._tasks
        self._stopping = False
        self._tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._renew())]

    async def stop(self, grace_seconds: float = 10.0) -> None:
        """Claim no more events, wait for those in progress, then release the rest."""
        self._stopping = True
        self._wakeup.set()
        if self._in_progress:
            await asyncio.wait(list(self._in_progress), timeout=grace_seconds)
        for task in (*self._in_progress, *self._tasks):
            task.cancel()
        await asyncio.gather(*self._in_progress, *self._tasks, return_exceptions=True)
        self._tasks = []

    async def _keep(self) -> None:
        # Events that arrive during a transaction go into the next one. So every event of a burst is acknowledged in
        # time, although each write to the disk takes milliseconds.
        while self._arrivals:
            batch, self._arrivals = self._arrivals, []
            try:
                fresh = await self._store.add_events([event for event, _ in batch])
            except UnavailableError as error:
                for _, kept in batch:
                    _settle(kept, error)
            except Exception:
                await self._keep_each(batch)
            else:
                for (_, kept), new in zip(batch, fresh, strict=True):
                    _settle(kept, new)

    async def _keep_each(self, batch: list[tuple[NewEvent, asyncio.Future[bool]]]) -> None:
        """Store the events one by one, so that one which the database refuses does not affect the others."""
        for event, kept in batch:
            try:
                (fresh,) = await self._store.add_events([event])
                _settle(kept, fresh)
            except Exception as error:
                _settle(kept, error)

    async def _work(self) -> None:
        while not self._stopping:
            self._wakeup.clear()
            try:
                wait = await self._take()
            except UnavailableError:  # the store has logged the reason once
                wait = self._settings.poll_seconds
            except Exception:  # the loop must not end while the bot appears to be running
                _log.exception("inbox_claim_failed")
                wait = self._settings.poll_seconds
            if wait > 0:
                await self._wakeup.wait(wait)

    async def _take(self) -> float:
        """Start as many events as there are free workers; return the seconds until the next look for events."""
        room = self._settings.workers - len(self._in_progress)
        if room <= 0:
            return self._settings.poll_seconds
        # Most looks find nothing, and a claim needs the database's lock for writing.
        due = await self._store.survey(lambda operator: operator.events.next_due(self._lane))
        if due is None:
            return self._settings.poll_seconds
        seconds = (due - self._clock.now()).total_seconds()
        if seconds > 0:
            return min(seconds, self._settings.poll_seconds)
        events = await self._store.operate(lambda operator: operator.events.claim(room, self._lease, self._lane))
        for event in events:
            task = asyncio.create_task(self._attend(event))
            self._in_progress[task] = event
            task.add_done_callback(self._let_go)
        if len(events) == room:
            return self._settings.poll_seconds
        # An event that is due now but not claimed waits for one in progress, whose end wakes the loop.
        return 0.0 if events else self._settings.poll_seconds / 10

    def _let_go(self, task: asyncio.Task[None]) -> None:
        del self._in_progress[task]
        self._wakeup.set()

    async def _attend(self, event: Event) -> None:
        if event.attempt > self._settings.max_attempts * 3:
            # No attempt ever reported a failure: this event may be what crashes the bot.
            await self._bury(event, "never_finished")
            return
        try:
            await self._handle(event)
            if await self._store.survey(lambda operator: operator.events.is_open(event)):
                await self._store.write(event.team, lambda uow: uow.inbox.done(event))
            self.counts["handled"] += 1
        except asyncio.CancelledError:
            await self._release(event, 0.0, "stopped", counted=False)
            raise
        except PostponedError as error:
            self.counts["postponed"] += 1
            await self._release(event, error.seconds, error.reason, counted=False)
        except HopelessError as error:
            await self._bury(event, error.reason)
        except LeaseLostError:
            _log.warning("event_lease_lost", kind=event.kind, key=event.key)
        except Exception as error:
            await self._failed(event, error)

    async def _failed(self, event: Event, error: Exception) -> None:
        reason = _reason(error)
        if event.attempt >= self._settings.max_attempts:
            _log.error("event_given_up", kind=event.kind, key=event.key, reason=reason, at=_place(error))
            await self._bury(event, reason)
            return
        self.counts["failed"] += 1
        _log.warning(
            "event_failed", kind=event.kind, key=event.key, attempt=event.attempt, reason=reason, at=_place(error)
        )
        await self._release(event, self._backoff.seconds(event.attempt), reason, counted=True)

    async def _release(self, event: Event, seconds: float, reason: str, *, counted: bool) -> None:
        due = self._clock.now() + timedelta(seconds=seconds)

        def release(operator: Operator) -> None:
            operator.events.release(event, due_time=due, reason=reason, counted=counted)

        await self._ending(event, self._store.operate(release, team=event.team))

    async def _bury(self, event: Event, reason: str) -> None:
        self.counts["dead"] += 1

        def bury(operator: Operator) -> None:
            operator.events.bury(event, reason)
            uow = operator.of(event.team)
            uow.audit.append("event_given_up", facts={"kind": event.kind, "reason": reason})
            if self._on_dead is not None:
                self._on_dead(uow, event, reason)

        await self._ending(event, self._store.operate(bury, team=event.team))
        self._store.notify_outbox(event.team)

    async def _ending(self, event: Event, transaction: Awaitable[None]) -> None:
        try:
            await transaction
        except (LeaseLostError, UnavailableError) as error:
            # The lease expires, and the event is handled again.
            _log.warning("event_not_ended", kind=event.kind, key=event.key, reason=_reason(error))

    async def _renew(self) -> None:
        purged = self._clock.now()
        while True:
            await self._clock.sleep(self._settings.lease_seconds / 3)
            events = list(self._in_progress.values())
            try:
                if events:
                    await self._store.operate(lambda operator, e=events: operator.events.renew(e, self._lease))  # type: ignore[misc]
                now = self._clock.now()
                if now - purged > timedelta(hours=1):
                    purged = now
                    before = now - timedelta(days=self._settings.keep_days)
                    await self._store.operate(lambda operator, b=before: operator.events.purge(b))  # type: ignore[misc]
            except UnavailableError:
                pass  # as above
            except Exception:  # as above
                _log.exception("inbox_renewal_failed")


def _place(error: Exception) -> str:
    """Return where an error was raised, without its message, which may quote a person."""
    frames = traceback.extract_tb(error.__traceback__)
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-5:])


def _settle(kept: asyncio.Future[bool], result: bool | Exception) -> None:
    if kept.done():
        return  # the request was cancelled; Slack sends the event again
    if isinstance(result, Exception):
        kept.set_exception(result)
    else:
        kept.set_result(result)


def _reason(error: Exception) -> str:
    # The message may quote a person; the class and the stable reason cannot.
    return error.reason if isinstance(error, ForewordError | RetriedError) else type(error).__name__
