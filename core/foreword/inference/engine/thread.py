"""The thread that owns torch: it alone touches the networks, in turns of one decoding step for every base model.

Everything comes to it through two queues, requests and calls, and leaves it through the event loops of the callers.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

import torch

from foreword.errors import ForewordError
from foreword.inference.engine.admission import TokenBudget
from foreword.inference.engine.model_scheduler import Answer, Job, ModelScheduler, internal_error
from foreword.inference.residency.model_residency import going_down
from foreword.observability.logging import get_logger

_SWEEP_SECONDS: Final = 0.02
_RATE_SECONDS: Final = 1.0
"""Busy time over which the engine's speed is measured."""

_log = get_logger("inference")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """Work that is no request."""

    work: Callable[[], float]
    outcome: Future[float]

    def run(self) -> None:
        """Does the work, unless nobody waits for it any more."""
        if not self.outcome.set_running_or_notify_cancel():
            return
        try:
            self.outcome.set_result(self.work())
        except ForewordError as error:
            self.outcome.set_exception(error)
        except Exception:  # the thread's root: whatever torch raises is this call's alone
            self.outcome.set_exception(internal_error("engine_call_failed"))

    def fail(self, error: ForewordError) -> None:
        """Tells who waits that it will not be done."""
        if self.outcome.set_running_or_notify_cancel():
            self.outcome.set_exception(error)


class EngineThread:
    """Runs the served models' batches.

    Args:
        budget: Gets back what a request was counted for when it enters a batch, and learns how fast that goes.
        num_threads: Of torch; None leaves them as they are.
    """

    def __init__(self, budget: TokenBudget, num_threads: int | None) -> None:
        self._budget, self._num_threads = budget, num_threads
        # Replaced, never changed: the thread goes through it while another thread loads.
        self._served: tuple[ModelScheduler, ...] = ()
        self._thread: threading.Thread | None = None
        self._wake = threading.Condition()
        self._inbox: deque[tuple[ModelScheduler, Job]] = deque()
        self._calls: deque[_Call] = deque()
        self._outbox: list[tuple[Job, Answer]] = []
        self._cancels = False
        self._stopping = False
        self._on_lost: Callable[[], object] = _nothing
        self._next_sweep = 0.0
        self._busy_seconds = 0.0
        self._admitted_tokens = 0

    def start(self, on_lost: Callable[[], object]) -> None:
        """Starts it.

        Args:
            on_lost: Called on the thread when it ends without having been told to stop.
        """
        assert self._thread is None, "the engine was started already"
        self._on_lost = on_lost
        self._thread = threading.Thread(target=self._run, name="foreword-engine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it; requests and calls under way fail with UnavailableError."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def runs(self) -> bool:
        """Whether it was started, and neither stopped nor ended by itself."""
        # A thread that ends is alive until its last line has run; it takes nothing in before that.
        return not self._stopping and self._thread is not None and self._thread.is_alive()

    @property
    def served(self) -> tuple[ModelScheduler, ...]:
        """The models that get turns."""
        return self._served

    @property
    def waiting(self) -> int:
        """Requests that are in no batch yet."""
        return sum(model.waiting for model in self._served) + len(self._inbox)

    @property
    def running(self) -> int:
        """Rows in batches."""
        return sum(len(model.batch) for model in self._served)

    def add(self, model: ModelScheduler) -> None:
        """Begins to give a model its turns."""
        with self._wake:
            self._served = (*self._served, model)

    def remove(self, model: ModelScheduler) -> None:
        """Gives a model no more turns; what is left in its queues fails. Call it on this thread, through `call`."""
        # A request may have come and been cancelled since this turn took in what was new. It would wait for good.
        self._take_in()
        with self._wake:
            self._served = tuple(other for other in self._served if other is not model)
        model.fail_all(going_down())

    def submit(self, model: ModelScheduler, job: Job) -> None:
        """Hands a request over.

        Raises:
            UnavailableError: It is stopping.
        """
        with self._wake:
            if self._stopping:
                raise going_down()
            self._inbox.append((model, job))
            self._wake.notify()

    def call(self, work: Callable[[], float]) -> Future[float]:
        """Hands work over that is no request.

        Raises:
            UnavailableError: It is stopping.
        """
        call = _Call(work=work, outcome=Future())
        with self._wake:
            if self._stopping:
                raise going_down()
            self._calls.append(call)
            self._wake.notify()
        return call.outcome

    def note_cancel(self) -> None:
        """Says that a job was marked as cancelled, so that the next turn looks for it."""
        self._cancels = True

    def deliver(self, job: Job, answer: Answer) -> None:
        """Notes an answer; all of a turn go out together, as waking an event loop costs a system call."""
        self._outbox.append((job, answer))

    def admitted(self, job: Job) -> None:
        """Notes that a request is in a batch and waits no more."""
        self._admitted_tokens += job.tokens
        self._budget.give(job.request.tenant, job.tokens)

    def _run(self) -> None:
        """The thread."""
        try:
            if self._num_threads:
                torch.set_num_threads(self._num_threads)
            with torch.inference_mode():
                while self._wait():
                    try:
                        self._turn()
                    except Exception:  # the thread's root: it reports, drops what it was doing and goes on
                        self._fail_all(internal_error("engine_turn_failed"))
                        for model in self._served:
                            model.runner.network.check_device()
                    self._send()
        except Exception:  # nothing can be computed any more; who waits must not wait for good
            _log.exception("engine_lost")
        finally:
            self._end()

    def _end(self) -> None:
        """Refuses what is left and what still comes. Touches no tensor: the device may be lost."""
        with self._wake:
            told, self._stopping = self._stopping, True
        while self._calls:
            self._calls.popleft().fail(going_down())
        self._fail_all(going_down())
        self._send()
        if not told:
            self._on_lost()

    def _wait(self) -> bool:
        """Waits for work; False when the engine is to stop."""
        with self._wake:
            while not (self._stopping or self._inbox or self._calls or any(m.busy for m in self._served)):
                self._wake.wait()
            return not self._stopping

    def _turn(self) -> None:
        """One round: what is new, what nobody waits for, then every base model in turn."""
        self._take_in()
        if self._calls:
            self._calls.popleft().run()
        served = [model for model in self._served if model.busy]
        begin = time.monotonic()
        if self._cancels or begin >= self._next_sweep:
            self._cancels, self._next_sweep = False, begin + _SWEEP_SECONDS
            for model in served:
                model.sweep(begin)
        for model in served:
            model.turn()
        self._busy_seconds += time.monotonic() - begin
        if self._busy_seconds >= _RATE_SECONDS:
            self._budget.worked(self._admitted_tokens, self._busy_seconds)
            self._admitted_tokens, self._busy_seconds = 0, 0.0

    def _take_in(self) -> None:
        """Lets new requests wait for their models."""
        while self._inbox:
            model, job = self._inbox.popleft()
            model.push(job)

    def _send(self) -> None:
        """Hands the answers of a turn to the loops of their callers."""
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
                # The loop was closed: nobody is left to tell.
                continue

    def _fail_all(self, error: ForewordError) -> None:
        """Tells every request that is waiting or running."""
        self._take_in()
        for model in self._served:
            model.fail_all(error)


def _nothing() -> None:
    """What an ending is told to before there is a thread."""


def _receive(answers: list[tuple[Job, Answer]]) -> None:
    """Runs on the event loop of the callers."""
    for job, answer in answers:
        job.answers.put_nowait(answer)
