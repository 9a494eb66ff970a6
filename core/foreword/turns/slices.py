"""Work in a thread of its own that goes on in slices, between other work of the thread that owns it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class _Stage(Enum):
    WAITING = auto()
    RUNNING = auto()
    OUTSIDE = auto()
    ENDED = auto()


class _DroppedError(BaseException):
    """Ends the thread of work that nobody continues. Not an Exception, so that the work does not handle it."""


class SlicedWork(Generic[Result]):
    """A function whose thread runs only while the owner lets it, so that both may use what one thread must own.

    The function calls `pause` again and again, and waits there if its slice is over. Where it waits for a store or for
    another thread, it does so in `outside`, beside the owner.

        work = SlicedWork("evaluation", evaluate, changed)
        while not work.ended:
            if work.waits:
                work.run_slice(0.05)
            ...  # other work
        work.result()

    Args:
        name: Name of the thread.
        function: It may call `pause` and `outside` of this module.
        changed: Notified when the work begins to wait for a slice, and when it ends.
        clock: Clock of monotonic time in seconds.
    """

    def __init__(
        self,
        name: str,
        function: Callable[[], Result],
        changed: threading.Condition,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._function = function
        self._changed = changed
        self._clock = clock
        self._stage = _Stage.WAITING
        self._until = 0.0
        self._is_dropped = False
        self._error: BaseException | None = None
        # A daemon, so that work which waits for a store that is away does not keep the process alive.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def waits(self) -> bool:
        """True if the work waits for its next slice."""
        return self._stage is _Stage.WAITING

    @property
    def is_outside(self) -> bool:
        """True if the work waits for a store or another thread, beside the owner."""
        return self._stage is _Stage.OUTSIDE

    @property
    def ended(self) -> bool:
        """True if the function has returned or raised an error."""
        return self._stage is _Stage.ENDED

    def run_slice(self, seconds: float) -> None:
        """Let the work go on, and return when it pauses after that time, goes outside or ends. It must wait.

        Args:
            seconds: Time after which the next call of `pause` ends the slice.
        """
        with self._changed:
            self._until = self._clock() + seconds
            self._stage = _Stage.RUNNING
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._stage is not _Stage.RUNNING)

    def result(self) -> Result:
        """Return what the function has returned, or raise what it has raised. The work must have ended."""
        if self._error is not None:
            raise self._error
        return self._result

    def drop(self) -> None:
        """End the work at its next pause, and return when it has ended.

        That is now if it waits for a slice. If it is outside, it may take as long as a store does, so only an owner
        that fails drops such work.
        """
        with self._changed:
            self._is_dropped = True
            self._changed.notify_all()
        self._thread.join()

    def pause(self) -> None:
        """End the slice if its time is over, and return in the next one. Called by the work."""
        if self._clock() < self._until:
            return
        with self._changed:
            self._wait()

    @contextmanager
    def outside(self) -> Iterator[None]:
        """End the slice, make the block beside the owner, and leave it in the next slice. Called by the work."""
        with self._changed:
            self._enter(_Stage.OUTSIDE)
        try:
            yield
        finally:
            with self._changed:
                self._wait()

    def _run(self) -> None:
        _own.work = self
        try:
            with self._changed:
                self._wait()
            self._result = self._function()
        except BaseException as error:  # the root of a thread: the owner gets whatever was raised
            self._error = error
        with self._changed:
            self._enter(_Stage.ENDED)

    def _wait(self) -> None:
        """Wait for the next slice. The caller holds the condition."""
        self._enter(_Stage.WAITING)
        self._changed.wait_for(lambda: self._stage is _Stage.RUNNING or self._is_dropped)
        if self._is_dropped:
            raise _DroppedError

    def _enter(self, stage: _Stage) -> None:
        self._stage = stage
        self._changed.notify_all()


class _Own(threading.local):
    work: SlicedWork[Any] | None = None


_own = _Own()


def pause() -> None:
    """End the slice of the work in this thread if its time is over; see `SlicedWork`. Elsewhere it does nothing."""
    if _own.work is not None:
        _own.work.pause()


@contextmanager
def outside() -> Iterator[None]:
    """Make the block beside the owner of the work in this thread; see `SlicedWork`. Elsewhere it changes nothing.

    For what waits for a store or another thread, and uses nothing of the owner's.
    """
    if _own.work is None:
        yield
    else:
        with _own.work.outside():
            yield
