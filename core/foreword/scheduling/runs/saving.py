"""The checkpoints of a run, written on threads of their own while the run goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from foreword.errors import UnavailableError
from foreword.observability.logging import get_logger
from foreword.scheduling.heartbeat import Heartbeat
from foreword.scheduling.workshop import Workshop
from foreword.storage.artifacts.keys import checkpoints_key
from foreword.storage.jobs.leases import Lease
from foreword.tuning.runs.run import TuningRun

_log = get_logger("worker")


class RunCheckpoints:
    """The checkpoints of a leased run. If the store is unavailable, the run goes on and the previous one stays valid.

    What else goes wrong raises its error from the next call.

    Args:
        heartbeat: Told when a run that has lost leases gets further.
        saver: The threads.
        written: Called with the time that it took to write a checkpoint, in seconds.
    """

    def __init__(
        self,
        workshop: Workshop,
        lease: Lease,
        heartbeat: Heartbeat,
        saver: ThreadPoolExecutor,
        written: Callable[[float], None],
    ) -> None:
        experiment = lease.experiment
        self._store = workshop.checkpoints
        self._metrics = workshop.metrics
        self._lease = lease
        self._heartbeat = heartbeat
        self._saver = saver
        self._written = written
        self._key = checkpoints_key(experiment.tenant, experiment.id, experiment.create_time)
        self._seconds = workshop.settings.checkpoint_seconds
        self._first_step = 0
        self._last = time.monotonic()
        self._saving: Future[bool] | None = None

    def newest(self) -> bytes | None:
        """Return the newest checkpoint; None if there is none."""
        return self._store.latest_checkpoint(self._key)

    def begin(self, first_step: int) -> None:
        """Begin to count the time to the next one.

        Args:
            first_step: The number of updates that the run had made when its worker took it.
        """
        self._first_step = first_step
        self._last = time.monotonic()
        self._metrics.tuning_begun(self._lease.job)

    def write_if_due(self, tuning: TuningRun) -> None:
        """Begin to write one if the last was written some time ago. The run goes on meanwhile."""
        if time.monotonic() - self._last >= self._seconds and (self._saving is None or self._saving.done()):
            self.settle()
            self._saving = self._save(tuning)

    def write(self, tuning: TuningRun) -> bool:
        """Write one, and return whether it was written."""
        self.settle()  # an older one must not be written after it
        return self._save(tuning).result()

    def settle(self) -> None:
        """Wait until the one is written that was begun, if any."""
        saving, self._saving = self._saving, None
        if saving is not None:
            saving.result()

    def _save(self, tuning: TuningRun) -> Future[bool]:
        """Begin to write the state of this moment."""
        self._last = time.monotonic()
        return self._saver.submit(self._write, tuning.step, tuning.state())

    def _write(self, step: int, state: bytes) -> bool:
        """Write a state. Runs on a thread of the saver."""
        started = time.monotonic()
        try:
            self._store.write_checkpoint(self._key, self._lease.epoch, step, state)
        except UnavailableError as error:
            _log.warning("checkpoint_not_written", experiment=self._lease.experiment.id, step=step, error=error.message)
            self._metrics.checkpoint_failed()
            return False
        seconds = time.monotonic() - started
        self._written(seconds)
        self._metrics.checkpoint_written(self._lease.job, seconds)
        # Snapshots are no proof of progress: a run that always dies before its first checkpoint makes them too.
        if self._lease.lost_before and step > self._first_step:
            self._heartbeat.record_progress()
        return True
