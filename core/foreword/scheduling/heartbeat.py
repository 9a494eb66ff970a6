"""Holds a lease while a run works on it, and carries word of cancellation back."""

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
    """Somebody asked for this run to be cancelled."""


class WorkerStoppingError(Exception):
    """The worker was asked to stop; the run goes on elsewhere."""


class Heartbeat:
    """Renews a lease from the run's own loop, and from a thread while the run is busy with something long.

    Args:
        queue: Where the lease is from.
        lease: The lease.
        duration: How long the lease lasts after each beat.
        stop: Set when the worker is to stop.
        spent_seconds: Compute time that earlier workers spent on this run.
        clock: Gives seconds.
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
        """Worker time that the run has used, that of earlier workers included."""
        return self._spent_seconds + self._clock() - self._started

    def beat(self, progress: Progress | None = None, snapshots: Sequence[Snapshot] = ()) -> None:
        """Stores what is new, renews the lease if it is time, and tells whether to go on.

        Raises:
            RunCancelledError: Somebody asked for it.
            WorkerStoppingError: The worker is to stop.
            LeaseLostError: Another worker owns the run.
        """
        with self._lock:
            # A new phase may be the last word for long: measuring the rows held out takes as long as tuning can.
            turns = progress is not None and progress.phase is not self._phase
            if snapshots or turns or self._clock() - self._last >= _LEAST_SECONDS_BETWEEN_BEATS:
                self._renew(progress, snapshots)
        self.check()

    def get_further(self) -> None:
        """Notes that a checkpoint beyond where the lease began is there.

        Raises:
            LeaseLostError: Another worker owns the run.
        """
        with self._lock:
            self._renew(None, (), got_further=True)

    def check(self) -> None:
        """Tells whether to go on, from what the last beat heard.

        Raises:
            RunCancelledError: Somebody asked for it.
            WorkerStoppingError: The worker is to stop.
            LeaseLostError: Another worker owns the run.
        """
        if self._lost:
            raise LeaseLostError("Another worker owns this run now.")
        if self._cancelled:
            raise RunCancelledError
        if self._stop.is_set():
            raise WorkerStoppingError

    def _renew(self, progress: Progress | None, snapshots: Sequence[Snapshot], *, got_further: bool = False) -> None:
        self._cancelled = self._queue.heartbeat(
            self._lease,
            progress=progress,
            snapshots=snapshots,
            compute_seconds=self.compute_seconds,
            duration=self._duration,
            got_further=got_further,
        )
        self._last = self._clock()
        if progress is not None:
            self._phase = progress.phase

    def _beat_while_busy(self) -> None:
        """Beats when the run's own loop has not for a third of the lease: loading and evaluating take long."""
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
                except UnavailableError:  # the database has logged why, once; this thread finds it when it is back
                    continue
                except Exception:  # the root of a thread
                    _log.warning("heartbeat_failed", exc_info=True)
