"""The thread that owns torch. It alone runs the networks, in turns of one decoding step for each base model.

Requests and calls come in through two queues, and answers go out through the event loops of the callers.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import torch

from foreword.errors import ForewordError
from foreword.inference.engine.job import Answer, Job
from foreword.inference.engine.model_scheduler import ModelScheduler
from foreword.inference.engine.token_budget import TokenBudget
from foreword.inference.errors import draining_error, internal_error
from foreword.observability.logging import get_logger

Result = TypeVar("Result")

_SWEEP_SECONDS: Final = 0.02
_RATE_SECONDS: Final = 1.0
"""Busy time over which the engine's speed is measured."""

_log = get_logger("inference")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call(Generic[Result]):
    """Work on the engine's thread that is not a request."""

    work: Callable[[], Result]
    outcome: Future[Result]

    def run(self) -> None:
        """Do the work, unless its caller no longer waits."""
        if not self.outcome.set_running_or_notify_cancel():
            return
        try:
            self.outcome.set_result(self.work())
        except ForewordError as error:
            self.outcome.set_exception(error)
        except Exception:  # the thread's root: whatever torch raises is this call's alone
            self.outcome.set_exception(internal_error("engine_call_failed"))

    def fail(self, error: ForewordError) -> None:
        """Raise an error to the caller instead of doing the work."""
        if self.outcome.set_running_or_notify_cancel():
            self.outcome.set_exception(error)


class EngineThread:
    """The thread that runs the batches of all loaded base models.

    Args:
        budget: Receives a request's tokens back when it enters a batch, and measures the rate.
        num_threads: Number of torch threads; None leaves it unchanged.
    """

    def __init__(self, budget: TokenBudget, num_threads: int | None) -> None:
        self._budget, self._num_threads = budget, num_threads
        # Replaced, never changed: the thread goes through it while another thread loads.
        self._schedulers: tuple[ModelScheduler, ...] = ()
        self._thread: threading.Thread | None = None
        self._wake = threading.Condition()
        self._inbox: deque[tuple[ModelScheduler, Job]] = deque()
        self._calls: deque[_Call[Any]] = deque()
        self._outbox: list[tuple[Job, Answer]] = []
        self._cancels = False
        self._stopping = False
        self._on_lost: Callable[[], object] = _nothing
        self._next_sweep = 0.0
        self._busy_seconds = 0.0
        self._admitted_tokens = 0

    def start(self, on_lost: Callable[[], object]) -> None:
        """Start the thread.

        Args:
            on_lost: Called on the thread when it ends without a call of `stop`.
        """
        assert self._thread is None, "the engine was started already"
        self._on_lost = on_lost
        self._thread = threading.Thread(target=self._run, name="foreword-engine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; requests and calls under way fail with UnavailableError."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def runs(self) -> bool:
        """True if the thread was started and has neither been stopped nor ended by itself."""
        # A thread that ends is alive until its last line has run; it takes nothing in before that.
        return not self._stopping and self._thread is not None and self._thread.is_alive()

    @property
    def schedulers(self) -> tuple[ModelScheduler, ...]:
        """The schedulers that get turns, one for each base model."""
        return self._schedulers

    @property
    def waiting(self) -> int:
        """The number of requests that are not in a batch yet."""
        return sum(scheduler.waiting for scheduler in self._schedulers) + len(self._inbox)

    @property
    def running(self) -> int:
        """The number of rows in batches."""
        return sum(len(scheduler.batch) for scheduler in self._schedulers)

    def add(self, scheduler: ModelScheduler) -> None:
        """Give a base model turns from now on."""
        with self._wake:
            self._schedulers = (*self._schedulers, scheduler)

    def remove(self, scheduler: ModelScheduler) -> None:
        """Give a base model no more turns, and fail what is left in its queues.

        Call it on this thread, through `call`.
        """
        # A request may have come and been cancelled since this turn took in what was new. It would wait for good.
        self._take_in()
        with self._wake:
            self._schedulers = tuple(other for other in self._schedulers if other is not scheduler)
        scheduler.fail_all(draining_error())

    def submit(self, scheduler: ModelScheduler, job: Job) -> None:
        """Queue a request for its base model.

        Raises:
            UnavailableError: It is stopping.
        """
        with self._wake:
            if self._stopping:
                raise draining_error()
            self._inbox.append((scheduler, job))
            self._wake.notify()

    def call(self, work: Callable[[], Result]) -> Future[Result]:
        """Run a function on the engine's thread, between two turns.

        Returns:
            What the function returns or raises, once it has run.

        Raises:
            UnavailableError: It is stopping.
        """
        call = _Call(work=work, outcome=Future[Result]())
        with self._wake:
            if self._stopping:
                raise draining_error()
            self._calls.append(call)
            self._wake.notify()
        return call.outcome

    def note_cancel(self) -> None:
        """Make the next turn look for jobs that were marked as cancelled."""
        self._cancels = True

    def deliver(self, job: Job, answer: Answer) -> None:
        """Keep an answer until the turn ends: all go out together, as waking an event loop costs a system call."""
        self._outbox.append((job, answer))

    def admitted(self, job: Job, tokens: int) -> None:
        """Release tokens of a request that no longer wait."""
        self._admitted_tokens += tokens
        self._budget.release(job.request.tenant, tokens)

    def _run(self) -> None:
        """Run turns until the engine stops or its device is lost."""
        try:
            if self._num_threads:
                torch.set_num_threads(self._num_threads)
            with torch.inference_mode():
                while self._wait():
                    try:
                        self._turn()
                    except Exception:  # the thread's root: it reports, drops what it was doing and goes on
                        self._fail_all(internal_error("engine_turn_failed"))
                        for scheduler in self._schedulers:
                            scheduler.runner.network.check_device()
                    self._send()
        except Exception:  # nothing can be computed any more; who waits must not wait for good
            _log.exception("engine_lost")
        finally:
            self._end()

    def _end(self) -> None:
        """Fail the requests that are left and those that still come. No tensor is touched: the device may be lost."""
        with self._wake:
            was_asked, self._stopping = self._stopping, True
        while self._calls:
            self._calls.popleft().fail(draining_error())
        self._fail_all(draining_error())
        self._send()
        if not was_asked:
            self._on_lost()

    @property
    def _busy(self) -> tuple[ModelScheduler, ...]:
        """The schedulers that have something to do."""
        return tuple(scheduler for scheduler in self._schedulers if scheduler.busy)

    def _wait(self) -> bool:
        """Wait for work; return False when the engine is to stop."""
        with self._wake:
            while not (self._stopping or self._inbox or self._calls or self._busy):
                self._wake.wait()
            return not self._stopping

    def _turn(self) -> None:
        """Accept new requests, drop those whose callers no longer wait, then give every base model a turn."""
        self._take_in()
        if self._calls:
            self._calls.popleft().run()
        busy = self._busy
        begin = time.monotonic()
        if self._cancels or begin >= self._next_sweep:
            self._cancels, self._next_sweep = False, begin + _SWEEP_SECONDS
            for scheduler in busy:
                scheduler.sweep(begin)
        for scheduler in busy:
            scheduler.turn()
        self._busy_seconds += time.monotonic() - begin
        if self._busy_seconds >= _RATE_SECONDS:
            self._budget.record_speed(self._admitted_tokens, self._busy_seconds)
            self._admitted_tokens, self._busy_seconds = 0, 0.0

    def _take_in(self) -> None:
        """Move new requests to the queues of their base models."""
        while self._inbox:
            scheduler, job = self._inbox.popleft()
            scheduler.push(job)

    def _send(self) -> None:
        """Send the answers of a turn to the event loops of their callers."""
        if not self._outbox:
            return
        outbox, self._outbox = self._outbox, []
        loops: dict[asyncio.AbstractEventLoop, list[tuple[Job, Answer]]] = {}
        for job, answer in outbox:
            loops.setdefault(job.loop, []).append((job, answer))
        for loop, answers in loops.items():
            try:
                loop.call_soon_threadsafe(_receive, answers)
            except RuntimeError:
                # The loop was closed, so there are no callers left.
                continue

    def _fail_all(self, error: ForewordError) -> None:
        """Fail every request that is waiting or running."""
        self._take_in()
        for scheduler in self._schedulers:
            scheduler.fail_all(error)


def _nothing() -> None:
    """Do nothing; the value of `on_lost` until the thread is started."""


def _receive(answers: list[tuple[Job, Answer]]) -> None:
    """Pass answers to the jobs. Runs on the event loop of their callers."""
    for job, answer in answers:
        job.answers.put_nowait(answer)
