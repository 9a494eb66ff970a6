"""An evaluation with what it holds while a worker has it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field

from foreword.scheduling.ends import end_run
from foreword.scheduling.evaluations.run import EvaluationRun, LoadModel
from foreword.scheduling.heartbeat import Heartbeat
from foreword.scheduling.turn import Turn
from foreword.scheduling.workshop import Workshop
from foreword.storage.jobs.leases import Lease
from foreword.turns.slices import outside


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationMember:
    """An evaluation of a company. It makes no passes of its own, and works only in slices (`SlicedWork`)."""

    workshop: Workshop
    run: EvaluationRun
    lease: Lease
    heartbeat: Heartbeat
    held: ExitStack = field(default_factory=ExitStack)

    @property
    def turn(self) -> Turn:
        """Its turn at the worker."""
        return self.run.turn

    def work(self, load: LoadModel) -> None:
        """Do all that is left of the evaluation, and store how and why it leaves the worker."""
        error: Exception | None = None
        try:
            self.run.work(load)
        except Exception as fault:  # the root of a job: its error must not end the others
            error = fault
        with outside():
            end_run(self.workshop, self.lease, self.heartbeat, error)
