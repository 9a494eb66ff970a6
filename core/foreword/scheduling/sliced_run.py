"""Jobs that do all of their work in slices: evaluations and batch jobs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import ClassVar, Final

from foreword.domain.tuned_model import TunedModel
from foreword.errors import FailedPreconditionError, ForewordError, LeaseLostError, NotFoundError, UnavailableError
from foreword.names import TunedModelName
from foreword.observability.logging import get_logger
from foreword.plugin.interfaces import BaseModel, LoadedModel
from foreword.scheduling.ends import end_run
from foreword.scheduling.heartbeat import Heartbeat, WorkerStoppingError
from foreword.scheduling.job_log import JobLog
from foreword.scheduling.turn import Turn
from foreword.scheduling.workshop import Workshop
from foreword.storage.jobs.leases import Lease
from foreword.storage.repositories.tuned_models import TunedModelRepository
from foreword.turns.slices import outside, pause

MOST_LOST_LEASES: Final = 20

_CONTINUED: Final = (LeaseLostError, UnavailableError, WorkerStoppingError)
"""Errors after which another worker continues a job."""

_log = get_logger("worker")

LoadModel = Callable[[ExitStack, BaseModel], LoadedModel]
"""Returns a base model, which stays in memory until the stack closes."""


class SlicedRun(ABC):
    """The work of a leased job, which its worker does in slices (`SlicedWork`).

    It can be dropped at any time: what is stored stays, and whoever leases the job next goes on after it. `work` may
    raise the errors of `ExperimentRun`.

    Args:
        workshop: Resources shared by all jobs.
        lease: The job, and the right to write its results.
        heartbeat: Renews the lease and raises an error when the work must stop.
        begin_company_turn: Called when its model is loaded.

    Attributes:
        noun: What the job is called in errors.
        smaller: How to create it again if it needs too much memory.
        turn: Its turn at the worker.
        can_leave: Whether it has stored answers in this turn, and loses little if it leaves now.
    """

    noun: ClassVar[str]
    smaller: ClassVar[str]

    def __init__(
        self,
        workshop: Workshop,
        lease: Lease,
        heartbeat: Heartbeat,
        begin_company_turn: Callable[[], None] = lambda: None,
    ) -> None:
        self.turn = Turn(workshop.settings.turn_seconds)
        self.can_leave = False
        self._is_ending = False
        self._begin_company_turn = begin_company_turn
        self._workshop = workshop
        self._lease = lease
        self._heartbeat = heartbeat

    @abstractmethod
    def work(self, load: LoadModel) -> None:
        """Do all that is left of the job, and store its successful end."""

    def keep_partial(self) -> None:
        """Store what is done so far where its owner finds it, for a job that is cancelled or fails. Default: nothing.

        Meanwhile, a request to cancel the job is no error.
        """

    def _begin(self) -> None:
        """Renew the lease, and fail a job whose workers keep dying."""
        with outside():
            self._heartbeat.beat()
        if self._lease.lost_before >= MOST_LOST_LEASES:
            raise ForewordError(
                f"The {self.noun} was started {self._lease.lost_before} times, and each time its worker died before it "
                f"made progress. The usual cause is too little memory: create the {self.noun} again with "
                f"{self.smaller}.",
                reason="WORKER_KEEPS_DYING",
            )

    def _begin_turn(self) -> None:
        """Begin the part of the turns that counts: that of the job, and that of its company."""
        self.turn.begin_tuning()
        self._begin_company_turn()

    def _tuned_model(self, id: str | None, remedy: str) -> TunedModel | None:
        """Return a tuned model; None for a base model without tuning.

        Args:
            remedy: How to create the job again if the model has been deleted.
        """
        if id is None:
            return None
        tenant = self._lease.tenant
        try:
            return TunedModelRepository(self._workshop.database, tenant).get(id)
        except NotFoundError as error:
            name = str(TunedModelName(tenant, id))
            raise FailedPreconditionError(
                f"{name} has been deleted since the {self.noun} was created. Create the {self.noun} again {remedy}.",
                reason="MODEL_DELETED",
                metadata={"resource": name},
            ) from error

    def _check(self) -> None:
        """Let others go on if they have their turn, and raise an error if the work must stop."""
        pause()
        self._heartbeat.check(despite_cancel=self._is_ending)


@dataclass(frozen=True, slots=True, eq=False)
class SlicedMember:
    """A job of a company that makes no passes, and works only in slices."""

    workshop: Workshop
    run: SlicedRun
    lease: Lease
    heartbeat: Heartbeat
    held: ExitStack = field(default_factory=ExitStack)

    @property
    def turn(self) -> Turn:
        """Its turn at the worker."""
        return self.run.turn

    def work(self, load: LoadModel) -> None:
        """Do all that is left of the job, and store how and why it leaves the worker."""
        error: Exception | None = None
        try:
            self.run.work(load)
        except Exception as fault:  # the root of a job: its error must not end the others
            error = self._kept(fault)
        with outside():
            end_run(self.workshop, self.lease, self.heartbeat, error)

    def _kept(self, error: Exception) -> Exception:
        """Let the job keep what it has done, unless another worker continues it. Return why it leaves."""
        if isinstance(error, _CONTINUED):
            return error
        try:
            self.run.keep_partial()
        except _CONTINUED as other:
            return other
        except Exception:  # the root of a job: it ends for the first reason
            _log.exception("partial_results_lost", **JobLog(self.lease).context)
        return error
