"""A pool of threads whose calls take turns between tenants."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from foreword.errors import UnavailableError
from foreword.turns.cancellation import CancellationToken, cancellable
from foreword.turns.schedule import TurnSchedule

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

SERVICE: Final = ""
"""The tenant of the service's own background work."""


@dataclass(eq=False, slots=True, kw_only=True)
class _Call:
    """A call that waits or runs."""

    tenant: str
    cost: float
    work: Callable[[], Any]
    context: contextvars.Context
    loop: asyncio.AbstractEventLoop
    outcome: asyncio.Future[Any]
    token: CancellationToken = field(default_factory=CancellationToken)

    def run(self) -> None:
        """Do the work in this thread, and hand its outcome to the caller's event loop."""
        result, error = None, None
        try:
            result = self.context.run(self._work)
        except BaseException as raised:  # the root of a thread: the caller gets whatever was raised
            error = raised
        self.settle(result, error)
        del result, error  # the traceback of an error refers to this frame, so that both would live until a collection

    def settle(self, result: Any, error: BaseException | None) -> None:
        """Hand an outcome to the caller's event loop. Any thread may call this."""
        try:
            self.loop.call_soon_threadsafe(_settle, self.outcome, result, error)
        except RuntimeError:
            return  # the loop was closed, so there is no caller left

    def _work(self) -> Any:
        with cancellable(self.token):
            self.token.check()
            return self.work()


class TurnPool:
    """Threads for blocking work, shared fairly between tenants; see `TurnSchedule` for the order.

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
        self._threads = ThreadPoolExecutor(threads, name)
        self._lock = threading.Lock()
        self._schedule: TurnSchedule[_Call] = TurnSchedule(threads=threads, max_waiting=max_waiting)
        self._started: set[_Call] = set()
        self._closed = False

    @property
    def waiting(self) -> int:
        """Number of calls that wait for a thread."""
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
            cost: Estimated cost in seconds. The tenant is charged the measured cost when the call has ended.

        Raises:
            ExhaustedError: Too many calls of the tenant wait.
            UnavailableError: The pool is closed.
        """
        loop = asyncio.get_running_loop()
        call = _Call(
            tenant=tenant,
            cost=cost,
            work=partial(function, *arguments, **keywords),
            context=contextvars.copy_context(),
            loop=loop,
            outcome=loop.create_future(),
        )
        with self._lock:
            if self._closed:
                raise _closed()
            self._schedule.add(tenant, call, cost)
            self._start()
        try:
            result: Result = await call.outcome
        except asyncio.CancelledError:
            call.token.cancel()
            with self._lock:
                if self._schedule.remove(tenant, call):
                    self._start()  # fewer tenants are active, so each may use more threads
            raise
        return result

    def close(self) -> None:
        """Fail waiting calls with UnavailableError, and cancel running calls, whose results are discarded."""
        with self._lock:
            self._closed = True
            waiting = self._schedule.clear()
            for call in self._started:
                call.token.cancel()
        for call in waiting:
            call.settle(None, _closed())
        self._threads.shutdown(wait=False)

    def _start(self) -> None:
        """Start the calls that have their turn. The caller holds the lock."""
        for call in self._due():
            self._threads.submit(self._work, call)

    def _due(self) -> list[_Call]:
        """Return the calls that have their turn, counted as running. The caller holds the lock."""
        due = []
        while (found := self._schedule.next()) is not None:
            due.append(found[1])
        self._started.update(due)
        return due

    def _work(self, call: _Call) -> None:
        """Run a call and then the next ones, in a thread of the pool, until none has its turn."""
        current: _Call | None = call
        while current is not None:
            begin = self._clock()
            current.run()
            paid = self._clock() - begin
            with self._lock:
                self._started.discard(current)
                self._schedule.finish(current.tenant, current.cost, paid)
                due = self._due()
                if not self._closed:
                    for other in due[1:]:
                        self._threads.submit(self._work, other)
            current = due[0] if due else None


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
