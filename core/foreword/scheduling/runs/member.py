"""A run with what it holds while a worker has it: the renewal of its lease, and its base model."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from foreword.plugin.interfaces import BaseModel, LoadedModel
from foreword.scheduling.ends import end_run
from foreword.scheduling.heartbeat import Heartbeat, RunCancelledError, WorkerStoppingError
from foreword.scheduling.runs.run import ExperimentRun
from foreword.scheduling.turn import Turn
from foreword.scheduling.workshop import Workshop
from foreword.storage.jobs.leases import Lease
from foreword.tuning.runs.results import StepReport
from foreword.tuning.runs.run import TuningRun
from foreword.turns.slices import outside


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A run of a company, and the parts of it that no other run has a share in.

    `prepare`, `end_epoch` and `leave` take long: the company makes them in slices (`SlicedWork`).
    """

    workshop: Workshop
    run: ExperimentRun
    lease: Lease
    heartbeat: Heartbeat
    held: ExitStack = field(default_factory=ExitStack)

    @property
    def turn(self) -> Turn:
        """Its turn at the worker."""
        return self.run.turn

    @property
    def tuning(self) -> TuningRun:
        """What the worker trains. The run must be prepared."""
        assert self.run.tuning is not None, "the run is not prepared"
        return self.run.tuning

    def prepare(self, load: Callable[[ExitStack, BaseModel], LoadedModel]) -> None:
        """Load the base model, encode the rows, and resume from the newest checkpoint.

        Args:
            load: Returns a base model, which stays in memory until the stack closes.
        """
        with outside():
            self.workshop.plugins.experiment_started(self.lease.experiment)
        self.run.prepare(lambda base: load(self.held, base))

    def end_epoch(self) -> StepReport:
        """Measure the run at the end of an epoch, and return the report of its last update."""
        return self.tuning.end_epoch()

    def leave(self, error: Exception | None, price: float) -> None:
        """Evaluate the run if its tuning has ended well, and store how and why it leaves the worker.

        Args:
            error: Why it ends; None if its tuning is done.
            price: Compute seconds per token.
        """
        if error is None:
            try:
                self.run.finish(price)
            except Exception as fault:  # the root of a run: its error must not end the others
                error = fault
        with outside():
            error = self._saved(error)
            end_run(self.workshop, self.lease, self.heartbeat, error)

    def _saved(self, error: Exception | None) -> Exception | None:
        """Write the checkpoint from which another worker, or a retry, is to continue. Return why the run ends."""
        is_needed = isinstance(error, WorkerStoppingError) or (
            isinstance(error, RunCancelledError) and self.lease.experiment.trial is None
        )
        try:
            self.run.checkpoints.settle()
            if is_needed and self.run.tuning is not None and not self.tuning.done:
                self.run.checkpoints.write(self.tuning)
        except Exception as fault:  # the root of a run, as above
            return error if error is not None and not isinstance(error, WorkerStoppingError) else fault
        return error
