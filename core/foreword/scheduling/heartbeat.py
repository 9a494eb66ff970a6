"""Heartbeats, which renew the lease of a run and report its cancellation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Self

from foreword.domain.experiment import Phase, Progress, Snapshot
from foreword.errors import LeaseLostError, UnavailableError
from foreword.observability.logging import get_logger
from foreword.storage.queue import ExperimentQueue, Lease

_log = get_logger("worker")

_LEAST_SECONDS_BETWEEN_BEATS = 0.25


class RunCancelledError(Exception):
    """Cancellation of this run was requested."""


class WorkerStoppingError(Exception):
    """The worker was asked to stop; another worker will continue the run."""


class Heartbeat:
    """A heartbeat that renews a lease from the loop of the run, and from a thread during long operations.

    Args:
        queue: The queue that granted the lease.
        lease: The lease.
        duration: Duration of the lease after each heartbeat.
        stop: Set to stop the worker.
        spent_seconds: Compute time of earlier workers on this run.
        clock: Clock of monotonic time in seconds.
    """

    def __init__(
        self,
        queue: ExperimentQueue,
        lease: Lease,
        *,
        duration: timedelta,
        stop: threading.Event,
        spent_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._lease = lease
        self._duration = duration
        self._stop = stop
        self._spent_seconds = spent_seconds
        self._clock = clock
        self._started = clock()
        self._last = float("-inf")
        self._phase: Phase | None = None
        self._lock = threading.Lock()
        self._cancelled = False
        self._lost = False
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._beat_while_busy, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join()

    @property
    def compute_seconds(self) -> float:
        """Worker time that the run has used, including earlier workers."""
        return self._spent_seconds + self._clock() - self._started

    def beat(self, progress: Progress | None = None, snapshots: Sequence[Snapshot] = ()) -> None:
        """Store new results, renew the lease if it is time, and raise an error if the run must stop.

        Raises:
            RunCancelledError: Cancellation of the run was requested.
            WorkerStoppingError: The worker was asked to stop.
            LeaseLostError: Another worker owns the run.
        """
        with self._lock:
            # Report a new phase at once, because no heartbeat may follow for long: evaluation can take as long as
            # tuning.
            turns = progress is not None and progress.phase is not self._phase
            if snapshots or turns or self._clock() - self._last >= _LEAST_SECONDS_BETWEEN_BEATS:
                self._renew(progress, snapshots)
        self.check()

    def record_progress(self) -> None:
        """Record that a checkpoint after the start of the lease exists.

        Raises:
            LeaseLostError: Another worker owns the run.
        """
        with self._lock:
            self._renew(None, (), made_progress=True)

    def check(self) -> None:
        """Raise an error if the run must stop, according to the last heartbeat.

        Raises:
            RunCancelledError: Cancellation of the run was requested.
            WorkerStoppingError: The worker was asked to stop.
            LeaseLostError: Another worker owns the run.
        """
        if self._lost:
            raise LeaseLostError("Another worker owns this run now. Abandon it.")
        if self._cancelled:
            raise RunCancelledError
        if self._stop.is_set():
            raise WorkerStoppingError

    def _renew(self, progress: Progress | None, snapshots: Sequence[Snapshot], *, made_progress: bool = False) -> None:
        self._cancelled = self._queue.heartbeat(
            self._lease,
            progress=progress,
            snapshots=snapshots,
            compute_seconds=self.compute_seconds,
            duration=self._duration,
            made_progress=made_progress,
        )
        self._last = self._clock()
        if progress is not None:
            self._phase = progress.phase

    def _beat_while_busy(self) -> None:
        """Renew the lease if the loop of the run has not done so for long, as when it loads a model or evaluates."""
        pause_seconds = min(self._duration.total_seconds() / 3, 1.0)
        while not self._closed.wait(pause_seconds):
            with self._lock:
                if self._clock() - self._last < pause_seconds:
                    continue
                try:
                    self._renew(None, ())
                except LeaseLostError:
                    self._lost = True
                    return
                except UnavailableError:  # the database has logged the cause once; this thread tries again
                    continue
                except Exception:  # the root of a thread
                    _log.warning("heartbeat_failed", exc_info=True)
