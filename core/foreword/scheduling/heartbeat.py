"""Heartbeats, which renew the leases of a worker's jobs and report cancellation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType
from typing import Self

from foreword.domain.experiment import Snapshot
from foreword.domain.job import JobKind
from foreword.domain.job_progress import AnyPhase, AnyProgress
from foreword.errors import LeaseLostError, UnavailableError
from foreword.observability.logging import get_logger
from foreword.storage.jobs.leases import Lease, LeaseState
from foreword.storage.repositories.run_results import Beat
from foreword.storage.workers.queue import JobQueue

_log = get_logger("worker")

_LEAST_SECONDS_BETWEEN_BEATS = 0.25


class RunCancelledError(Exception):
    """Cancellation of this run was requested."""


class WorkerStoppingError(Exception):
    """The worker was asked to stop; another worker will continue the run."""


class TenantPausedError(WorkerStoppingError):
    """The tenant of the run is suspended or is being deleted; a worker will continue the run when it is resumed."""


class Heartbeats:
    """The heartbeats of a worker: each of them renews all of its leases in one transaction.

    They come from the loop of the worker, and from a thread during long operations.

    Args:
        queue: The queue that granted the leases.
        duration: Duration of a lease after each heartbeat.
        stop: Set to stop the worker.
        clock: Clock of monotonic time in seconds.
        on_charge: Called with the lease of a job and the compute time that it has used, in seconds.
    """

    def __init__(
        self,
        queue: JobQueue,
        *,
        duration: timedelta,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
        on_charge: Callable[[Lease, float], object] = lambda *_: None,
    ) -> None:
        self.stop = stop
        self.clock = clock
        self.lock = threading.RLock()
        self.on_charge = on_charge
        self._queue = queue
        self._duration = duration
        self._last = float("-inf")
        self._runs: list[Heartbeat] = []
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
    def runs(self) -> Sequence[Heartbeat]:
        """The heartbeats of the runs whose leases are renewed."""
        return self._runs

    @contextmanager
    def of(self, lease: Lease) -> Iterator[Heartbeat]:
        """Renew a lease until the block ends."""
        heartbeat = Heartbeat(self, lease)
        with self.lock:
            self._runs.append(heartbeat)
        try:
            yield heartbeat
        finally:
            with self.lock:
                self._runs.remove(heartbeat)

    def beat(self) -> None:
        """Store what the runs have noted, and renew all leases if it is time."""
        with self.lock:
            if any(run.is_urgent for run in self._runs) or (self.clock() - self._last >= _LEAST_SECONDS_BETWEEN_BEATS):
                self.renew()

    def renew(self) -> None:
        """Store what the runs have noted, and renew all leases."""
        with self.lock:
            runs = [run for run in self._runs if not run.is_lost]
            states = self._queue.heartbeat([run.to_beat() for run in runs], duration=self._duration) if runs else ()
            self._last = self.clock()
            for run, state in zip(runs, states, strict=True):
                run.sent(state)

    def _beat_while_busy(self) -> None:
        """Renew the leases if the worker's loop has not done so for long, as when it loads a model or evaluates."""
        pause_seconds = min(self._duration.total_seconds() / 3, 1.0)
        while not self._closed.wait(pause_seconds):
            with self.lock:
                if self.clock() - self._last < pause_seconds:
                    continue
                try:
                    self.renew()
                except UnavailableError:  # the database has logged the cause once; this thread tries again
                    continue
                except Exception:  # the root of a thread
                    _log.warning("heartbeat_failed", exc_info=True)


class Heartbeat:
    """The heartbeat of one run, from its lease to its end at this worker."""

    def __init__(self, heartbeats: Heartbeats, lease: Lease) -> None:
        self._heartbeats = heartbeats
        self._lease = lease
        self._charged_seconds = lease.subject.compute_seconds
        self._tokens = 0
        self._progress: AnyProgress | None = None
        self._snapshots: tuple[Snapshot, ...] = ()
        self._made_progress = False
        self._phase: AnyPhase | None = None
        self._state = LeaseState.HELD

    @property
    def compute_seconds(self) -> float:
        """Compute time that the run has used, including that of earlier workers."""
        with self._heartbeats.lock:
            return self._charged_seconds

    def charge(self, seconds: float, *, tokens: int = 0) -> None:
        """Add compute time that the run has used.

        Args:
            tokens: Tokens that it has processed meanwhile, unless they are counted where its answers are stored.
        """
        with self._heartbeats.lock:
            self._charged_seconds += seconds
            self._tokens += tokens
        self._heartbeats.on_charge(self._lease, seconds)

    def note(self, progress: AnyProgress, snapshots: Sequence[Snapshot] = ()) -> None:
        """Leave new results for the next heartbeat."""
        with self._heartbeats.lock:
            self._progress = progress
            self._snapshots += tuple(snapshots)

    def beat(self, progress: AnyProgress | None = None, snapshots: Sequence[Snapshot] = ()) -> None:
        """Store new results, renew the leases if it is time, and raise an error if the run must stop.

        Raises:
            RunCancelledError: Cancellation of the run was requested.
            WorkerStoppingError: The worker was asked to stop.
            LeaseLostError: Another worker owns the run.
        """
        if progress is not None:
            self.note(progress, snapshots)
        self._heartbeats.beat()
        self.check()

    def record_progress(self) -> None:
        """Record that a checkpoint after the start of the lease exists."""
        with self._heartbeats.lock:
            self._made_progress = True
            self._heartbeats.renew()

    def settle(self) -> None:
        """Store the tokens that the run has processed since the last heartbeat, before it ends."""
        with self._heartbeats.lock:
            if self._tokens and not self.is_lost:
                self._heartbeats.renew()

    def check(self, *, despite_cancel: bool = False) -> None:
        """Raise an error if the run must stop, according to the last heartbeat.

        Args:
            despite_cancel: Whether it goes on if its cancellation was requested.

        Raises:
            RunCancelledError: Cancellation of the run was requested.
            WorkerStoppingError: The worker was asked to stop.
            TenantPausedError: The tenant is suspended or is being deleted.
            LeaseLostError: Another worker owns the run.
        """
        if self._state is LeaseState.LOST:
            raise LeaseLostError("Another worker owns this run now. Abandon it.")
        if self._state is LeaseState.CANCELLING and not despite_cancel:
            raise RunCancelledError
        if self._state is LeaseState.PAUSED:
            raise TenantPausedError
        if self._heartbeats.stop.is_set():
            raise WorkerStoppingError

    @property
    def is_lost(self) -> bool:
        """True if another worker owns the run."""
        return self._state is LeaseState.LOST

    @property
    def is_urgent(self) -> bool:
        """True if what was noted is to be stored at once.

        That holds for a new phase, because no heartbeat may follow for long: evaluation can take as long as tuning.
        """
        return bool(self._snapshots) or (self._progress is not None and self._progress.phase is not self._phase)

    def note_stopped(self, experiments: Collection[str]) -> None:
        """Note that experiments of this run's tenant were stopped: those of this worker end before the next heartbeat.

        Args:
            experiments: Their ids. The database has them as cancelled already.
        """
        with self._heartbeats.lock:
            for run in self._heartbeats.runs:
                lease = run._lease
                is_own_run = lease.kind is JobKind.TUNE and lease.tenant == self._lease.tenant
                if is_own_run and lease.subject.id in experiments and run._state is LeaseState.HELD:
                    run._state = LeaseState.CANCELLING

    def to_beat(self) -> Beat:
        """Return what the run has noted since the last heartbeat."""
        return Beat(
            lease=self._lease,
            progress=self._progress,
            snapshots=self._snapshots,
            compute_seconds=self.compute_seconds,
            tokens=self._tokens,
            made_progress=self._made_progress,
        )

    def sent(self, state: LeaseState) -> None:
        """Record that the database has stored the last beat, and in which state the lease was."""
        if self._progress is not None:
            self._phase = self._progress.phase
        self._progress, self._snapshots, self._made_progress, self._tokens = None, (), False, 0
        self._state = state
