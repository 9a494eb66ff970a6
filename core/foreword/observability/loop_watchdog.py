"""A watchdog that finds out who holds the thread of an event loop.

It counts the thread's own CPU time, so that a busy machine does not look like a fault. On the event loop it costs two
reads of a clock in each iteration; a second thread, which looks fifty times a second, notes the task and the stack of
an iteration that takes long.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

_LOOKS_PER_THRESHOLD = 2.5
_SECONDS_BETWEEN_CPU_READS = 0.005
_cpu_time: Callable[[], float] = getattr(time, "thread_time", time.monotonic)  # some platforms lack the former


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A time for which one task held the event loop's thread.

    Attributes:
        seconds: CPU time, with an error of some milliseconds.
        task: The task; None for a callback without a task.
        place: The innermost line of Foreword, as `module:line function`; empty if there is none on the stack.
        innermost: The innermost line of all.
    """

    seconds: float
    task: asyncio.Task[Any] | None
    place: str
    innermost: str


@dataclass(frozen=True, slots=True)
class _Sample:
    moment: float
    task: asyncio.Task[Any] | None
    place: str
    innermost: str


class LoopWatchdog:
    """A watchdog of one event loop, from `start` to `stop`.

    It has no effect on a loop without a selector.

    Args:
        threshold_seconds: CPU time of one task, without a break, that counts as a hold.
        on_hold: Called with each hold, on a thread of the watchdog.
    """

    def __init__(self, threshold_seconds: float, on_hold: Callable[[Hold], object]) -> None:
        self._threshold = threshold_seconds
        self._on_hold = on_hold
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._selector: Any = None
        self._select: Callable[[float | None], Any] = lambda _: []
        self._began = float("inf")
        self._iterations = 0
        self._cpu_began = self._cpu_read = 0.0
        self._samples: deque[_Sample] = deque(maxlen=1000)
        self._holds: deque[Hold] = deque(maxlen=100)
        self._stopping = False
        self._thread = threading.Thread(target=self._watch, name="loop-watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch the running event loop. Call it on the loop, once."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        # asyncio has no public hook for an iteration; its selector is called exactly once in each.
        self._selector = getattr(self._loop, "_selector", None)
        if self._selector is None:
            return
        self._select = self._selector.select
        self._selector.select = self._timed_select
        self._thread.start()

    def stop(self) -> None:
        """Stop watching. Call it on the loop."""
        if self._selector is None:
            return
        if self._selector.__dict__.get("select") == self._timed_select:
            self._selector.select = self._select
        # Otherwise another watchdog of this loop, started later, still calls this one.
        self._selector = None
        self._stopping = True
        self._thread.join()
        self._samples.clear()
        self._report()

    def _timed_select(self, timeout: float | None = None) -> Any:
        """End an iteration of the loop, wait for events, and begin the next iteration."""
        if self._stopping:
            return self._select(timeout)
        now = time.monotonic()
        if now - self._began > self._threshold:
            self._end_long_iteration(now)
        if self._samples:
            self._samples.clear()
        self._began = float("inf")
        events = self._select(timeout)
        now = time.monotonic()
        if now - self._cpu_read > _SECONDS_BETWEEN_CPU_READS:  # a system call, which costs more than `monotonic`
            self._cpu_began, self._cpu_read = _cpu_time(), now
        self._iterations += 1
        self._began = now
        return events

    def _end_long_iteration(self, now: float) -> None:
        began = self._began
        held = min(now - began, _cpu_time() - self._cpu_began)
        self._cpu_read = 0.0
        samples: list[_Sample] = []
        while self._samples:  # the watchdog's thread may add one at any time, which iteration would not survive
            sample = self._samples.popleft()
            if sample.moment > began:
                samples.append(sample)
        if held <= self._threshold or not samples:
            return
        # Each sample stands for the time since the previous one, the last one also for the rest of the iteration.
        by_task: dict[asyncio.Task[Any] | None, float] = {}
        last = began
        for sample in samples:
            by_task[sample.task] = by_task.get(sample.task, 0.0) + sample.moment - last
            last = sample.moment
        by_task[samples[-1].task] += now - last
        task = max(by_task, key=lambda key: by_task[key])
        seconds = held * by_task[task] / (now - began)
        if seconds > self._threshold:
            own = [sample for sample in samples if sample.task is task]
            sample = own[len(own) // 2]
            self._holds.append(Hold(seconds=seconds, task=task, place=sample.place, innermost=sample.innermost))

    def _watch(self) -> None:
        pause = self._threshold / _LOOKS_PER_THRESHOLD
        while not self._stopping:
            time.sleep(pause)  # cheaper than waiting for an event, and `stop` can wait for it
            if time.monotonic() - self._began >= pause / 2:
                self._look()
            if self._holds:
                self._report()

    def _look(self) -> None:
        assert self._loop is not None
        iterations, moment = self._iterations, time.monotonic()
        task = asyncio.current_task(self._loop)
        frame = frame_of(self._loop_thread)
        sample = _Sample(moment, task, _place(_innermost_of_foreword(frame)), _place(frame))
        if iterations == self._iterations and moment > self._began:
            self._samples.append(sample)

    def _report(self) -> None:
        while self._holds:
            self._on_hold(self._holds.popleft())


def frame_of(thread: int) -> FrameType | None:
    """Return the current frame of a thread; None if it has ended.

    No garbage is collected meanwhile: up to Python 3.11, a collection within `sys._current_frames`, which allocates
    while it holds a lock of the interpreter, can stop the whole process (https://github.com/python/cpython/issues/106883).
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames().get(thread)
    finally:
        if collects:
            gc.enable()


def _innermost_of_foreword(frame: FrameType | None) -> FrameType | None:
    while frame is not None and not _is_foreword(frame):
        frame = frame.f_back
    return frame


def _is_foreword(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    return module.startswith("foreword") and module != __name__


def _place(frame: FrameType | None) -> str:
    if frame is None:
        return ""
    return f"{frame.f_globals.get('__name__', '')}:{frame.f_lineno} {frame.f_code.co_qualname}"
