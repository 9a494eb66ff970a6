"""A pool of threads whose calls take turns between tenants."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from foreword.errors import UnavailableError
from foreword.turns.cancellation import CancellationToken, cancellable
from foreword.turns.schedule import TurnSchedule

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

SERVICE: Final = ""
"""The tenant of the service's own background work."""

_LONGEST_TURN_SECONDS: Final = 0.05
_LOOK_SECONDS: Final = 0.001
"""Real time after which a call reads its clock again. That of processor time is a system call."""
_MAX_PAUSED: Final = 4
"""Calls that pause at once. Each keeps its thread and its memory."""


class _Call(CancellationToken):
    """A call that waits, runs or pauses, and the account of its tenant for it.

    Attributes:
        charged: Cost in seconds that its tenant was charged so far.
        began: Reading of the pool's clock when it began; later by the time for which it has paused.
        paused: Whether it waits for another turn in its thread.
        resumed: Set when that turn comes.
    """

    def __init__(self, pool: TurnPool, tenant: str, cost: float, work: Callable[[], Any]) -> None:
        super().__init__()
        self.tenant = tenant
        self.charged = cost
        self.loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[Any] | None = self.loop.create_future()
        self.began = 0.0
        self.paused = False
        self.resumed = threading.Event()
        self._pool = pool
        self._work = work
        self._context = contextvars.copy_context()
        self._next_look = 0.0

    def run(self) -> None:
        """Do the work in this thread, and hand its outcome to the caller's event loop."""
        result, error = None, None
        try:
            result = self._context.run(self._checked_work)
        except BaseException as raised:  # the root of a thread: the caller gets whatever was raised
            error = raised
        self.settle(result, error)
        del result, error  # the traceback of an error refers to this frame, so that both would live until a collection

    def settle(self, result: Any, error: BaseException | None) -> None:
        """Hand an outcome to the caller's event loop, once. Any thread may call this."""
        outcome, self.outcome = self.outcome, None  # it refers to the error, whose traceback refers to this call
        assert outcome is not None
        try:
            self.loop.call_soon_threadsafe(_settle, outcome, result, error)
        except RuntimeError:
            return  # the loop was closed, so there is no caller left

    def check(self) -> None:
        """Raise an error if the call was cancelled, and charge its tenant for what follows."""
        super().check()
        self._account(may_pause=False)

    def give_way(self) -> None:
        """Do the same, and pause while others have their turn."""
        super().check()
        self._account(may_pause=True)
        super().check()

    def _checked_work(self) -> Any:
        with cancellable(self):
            super().check()
            return self._work()

    def _account(self, *, may_pause: bool) -> None:
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK_SECONDS
            self._pool.account(self, may_pause=may_pause)


class TurnPool:
    """Threads for blocking work, shared fairly between tenants; see `TurnSchedule` for the order.

    A tenant pays in advance: the estimated cost of a call before it starts and, if `check_cancelled` finds that it has
    taken longer, as much again, but no more than 50 ms at a time. What was charged is therefore between once and twice
    what has been paid, however low the estimate. If a call that uses `give_way` has used up what was charged, it pauses
    while it is the turn of other tenants.

    A call whose caller is cancelled does not start, or `check_cancelled` ends it if it has started. Calls run in the
    context of their callers, so that log lines have the request id. The pool may be used from several event loops.

    Args:
        name: Prefix of the thread names.
        threads: Maximum number of concurrent calls.
        max_waiting: Number of calls that may wait; one tenant cannot use up the places of the others.
        clock: Clock in seconds that measures the cost of a call, read by the thread that runs it. The default measures
            processor time; use `time.monotonic` for work that mostly waits, which costs others a thread.
    """

    def __init__(
        self, name: str, *, threads: int = 4, max_waiting: int = 1000, clock: Callable[[], float] = time.thread_time
    ) -> None:
        self._clock = clock
        self._threads = ThreadPoolExecutor(threads + _MAX_PAUSED, name)
        self._lock = threading.Lock()
        self._schedule: TurnSchedule[_Call] = TurnSchedule(threads=threads, max_waiting=max_waiting)
        self._started: set[_Call] = set()
        self._paused = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """Number of calls that wait for a thread, or for another turn in theirs."""
        return self._schedule.waiting

    @property
    def running(self) -> int:
        """Number of calls that run."""
        return self._schedule.running

    async def run(
        self,
        tenant: str,
        cost: float,
        function: Callable[Parameters, Result],
        /,
        *arguments: Parameters.args,
        **keywords: Parameters.kwargs,
    ) -> Result:
        """Call `function` in a thread when the tenant has its turn.

        Args:
            tenant: Id of the tenant that the work is for; `SERVICE` for background work of the service.
            cost: Estimated cost in seconds; for work that calls `check_cancelled` all the time, that of its beginning.
                The tenant is charged the measured cost when the call has ended.

        Raises:
            ExhaustedError: Too many calls of the tenant wait.
            UnavailableError: The pool is closed.
        """
        call = _Call(self, tenant, cost, partial(function, *arguments, **keywords))
        outcome = call.outcome
        assert outcome is not None
        with self._lock:
            if self._closed:
                raise _closed()
            self._schedule.add(tenant, call, cost)
            self._start(self._due())
        try:
            result: Result = await outcome
        except asyncio.CancelledError:
            call.cancel()
            with self._lock:
                if call.paused:
                    self._schedule.resume(tenant, call)  # it ends at once
                    self._wake(call)
                elif self._schedule.remove(tenant, call):
                    self._start(self._due())  # fewer tenants are active, so each may use more threads
            raise
        finally:
            del outcome  # as in `_Call.run`
        return result

    def close(self) -> None:
        """Fail waiting calls with UnavailableError, and cancel running calls, whose results are discarded."""
        with self._lock:
            self._closed = True
            for call in self._started:
                call.cancel()
                if call.paused:
                    self._schedule.resume(call.tenant, call)
                    self._wake(call)
            waiting = self._schedule.clear()
        for call in waiting:
            call.settle(None, _closed())
        self._threads.shutdown(wait=False)

    def _due(self) -> list[_Call]:
        """Return the calls that have their turn, counted as running. The caller holds the lock."""
        due = []
        while (found := self._schedule.next()) is not None:
            due.append(found[1])
        return due

    def _start(self, due: list[_Call]) -> None:
        """Start or wake calls that have their turn. The caller holds the lock."""
        for call in due:
            if call.paused:
                self._wake(call)
            elif not self._closed:
                self._started.add(call)
                self._threads.submit(self._work, call)

    def _wake(self, call: _Call) -> None:
        """Let a call go on that has paused. The caller holds the lock."""
        call.paused = False
        self._paused -= 1
        call.resumed.set()

    def _work(self, call: _Call) -> None:
        """Run a call and then the next ones, in a thread of the pool, until none has its turn."""
        current: _Call | None = call
        while current is not None:
            current.began = self._clock()
            current.run()
            paid = self._clock() - current.began
            with self._lock:
                self._started.discard(current)
                self._schedule.finish(current.tenant, current.charged, paid)
                due = self._due()
                current = next((call for call in due if not call.paused and not self._closed), None)
                if current is not None:
                    self._started.add(current)
                self._start([call for call in due if call is not current])

    def account(self, call: _Call, *, may_pause: bool) -> None:
        """Charge the tenant of a running call for its next turn if it has used up this one. Runs in its thread."""
        used = self._clock() - call.began
        if used < call.charged:
            return
        cost = used - call.charged + min(max(used, _LOOK_SECONDS), _LONGEST_TURN_SECONDS)
        call.charged += cost
        with self._lock:
            may_pause = may_pause and self._paused < _MAX_PAUSED and not call.cancelled
            if not may_pause or not self._schedule.others_wait(call.tenant):
                self._schedule.charge(call.tenant, cost)
                return
            call.resumed.clear()
            call.paused = True
            self._paused += 1
            found = self._schedule.renew(call.tenant, call, cost)
            self._start([found[1], *self._due()] if found is not None else [])
        begin = self._clock()
        call.resumed.wait()
        call.began += self._clock() - begin


def _settle(outcome: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    """Set the outcome of a call, unless its caller has gone. Runs on the caller's event loop."""
    if outcome.done():
        return
    if error is None:
        outcome.set_result(result)
    else:
        outcome.set_exception(error)


def _closed() -> UnavailableError:
    return UnavailableError("The service is shutting down. Try again.", reason="DRAINING")
