"""The runs of one base model that a worker tunes together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from foreword.domain.machine_speed import Machine
from foreword.errors import LeaseLostError, UnavailableError
from foreword.inference.residency.model_residency import ModelResidency
from foreword.observability.logging import get_logger
from foreword.plugin.interfaces import BaseModel, LoadedModel
from foreword.scheduling.ends import end_run
from foreword.scheduling.heartbeat import Heartbeat, Heartbeats, WorkerStoppingError
from foreword.scheduling.price import TokenPrice
from foreword.scheduling.run import ExperimentRun
from foreword.scheduling.turn import Turn
from foreword.scheduling.workshop import Workshop
from foreword.storage.jobs.leases import Company, Lease
from foreword.storage.machine_speeds import MachineSpeeds
from foreword.tuning.company.co_tuning import CoTuner
from foreword.tuning.planning.speed import TuningSpeed
from foreword.tuning.runs.results import StepReport
from foreword.tuning.runs.run import TuningRun

_log = get_logger("worker")

_SECONDS_BETWEEN_LOOKS: Final = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    """A run with what it holds while it is in the company: the renewal of its lease, and its base model."""

    run: ExperimentRun
    lease: Lease
    heartbeat: Heartbeat
    held: ExitStack


class WorkerCompany:
    """The runs of one base model that a worker tunes together, from the first lease until all have left.

    Runs join and leave between steps, and what ends one run does not touch the others. While a run is prepared,
    measured at the end of an epoch, evaluated or stored, the others wait.

    Args:
        workshop: Resources shared by all runs.
        first: The lease of the first run, whose base model is the company's.
        models: Base models in memory.
        stop: Set to stop the worker.
        clock: Clock of monotonic time in seconds.
    """

    def __init__(
        self,
        workshop: Workshop,
        first: Lease,
        *,
        models: ModelResidency[LoadedModel],
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        settings = workshop.settings
        self._workshop = workshop
        self._first = first
        self._base_model = first.experiment.config.base_model
        self._models = models
        self._stop = stop
        self._clock = clock
        self._duration = timedelta(seconds=settings.lease_seconds)
        self._heartbeats = Heartbeats(workshop.queue, duration=self._duration, stop=stop)
        self._members: list[_Member] = []
        self._tuner: CoTuner | None = None
        self._price: TokenPrice | None = None
        self._turn = Turn(settings.turn_seconds, clock)
        self._next_look = clock()

    def work(self) -> Lease | None:
        """Tune the first run and those that join it until all have left.

        Returns:
            The lease of a run of another tenant for which the company has ended its turn; None if there is none.
        """
        following = None
        with self._heartbeats:
            self._begin(self._first)
            self._let_join()
            while self._members and following is None:
                self._step()
                following = self._look()
        self._settle()
        return following

    def _begin(self, lease: Lease) -> None:
        """Let a leased run join."""
        experiment = lease.experiment
        _log.info(
            "experiment_leased",
            experiment=experiment.id,
            tenant=experiment.tenant,
            epoch=lease.epoch,
            resumed=lease.epoch > 1,
            beside=len(self._members),
        )
        held = ExitStack()
        heartbeat = held.enter_context(self._heartbeats.of(lease))
        member = _Member(ExperimentRun(self._workshop, lease, heartbeat), lease, heartbeat, held)
        self._members.append(member)
        with self._ending(member), heartbeat.alone():
            self._workshop.plugins.experiment_started(experiment)
            tuning = member.run.prepare(partial(self._load, held))
            if not tuning.done:
                self._tuner_for(tuning).add(tuning, tenant=experiment.tenant)
        self._turn.begin_tuning()

    def _let_join(self) -> None:
        """Let waiting runs of the base model join while there is room."""
        most = self._workshop.settings.max_runs_per_worker
        while self._members and len(self._members) < most and not self._stop.is_set():
            try:
                lease = self._workshop.queue.join(self._first.worker, self._base_model, self._duration)
            except UnavailableError:  # the database has logged the cause once; the next heartbeat finds out as well
                return
            if lease is None:
                return
            self._begin(lease)

    def _step(self) -> None:
        """Make one step of training, and bring every run up to date."""
        if self._tuner is not None:
            self._train(self._tuner)
        try:
            self._heartbeats.beat()
        except UnavailableError as error:
            for member in list(self._members):
                self._end(member, error)
        for member in list(self._members):
            with self._ending(member):
                self._bring_up_to_date(member)

    def _train(self, tuner: CoTuner) -> None:
        """Make one step of training, and record its results."""
        is_alone = len(tuner.runs) == 1
        started = self._clock()
        outcome = tuner.step()
        seconds = self._clock() - started
        for tuning, report in outcome.reports:
            member = self._member_of(tuning)
            with self._ending(member):
                self._charge(member, report, seconds, is_alone=is_alone)
                member.run.record(report)
        for tuning, error in outcome.failures:
            self._end(self._member_of(tuning), error)

    def _charge(self, member: _Member, report: StepReport, seconds: float, *, is_alone: bool) -> None:
        """Charge an update by its tokens, and the end of an epoch by its time, in which the others wait."""
        assert self._price is not None, "it is known before the first step"
        if report.validation_loss is not None:
            member.heartbeat.charge(seconds)
        member.heartbeat.charge(report.tokens * self._price.seconds_per_token)
        self._price.observe(report, is_alone=is_alone)

    def _bring_up_to_date(self, member: _Member) -> None:
        """Check whether a run may go on, write its checkpoint if that is due, and finish it if its tuning is done."""
        run = member.run
        run.compare_if_due()
        member.heartbeat.check()
        run.checkpoint_if_due()
        if run.tuning is not None and run.tuning.done:
            with member.heartbeat.alone():
                run.finish()
            self._end(member, None)

    def _look(self) -> Lease | None:
        """Look now and then for runs that join, and for runs to yield to.

        Returns:
            The lease of a run for which the whole company has left.
        """
        now = self._clock()
        if not self._members or now < self._next_look:
            return None
        self._next_look = now + min(_SECONDS_BETWEEN_LOOKS, self._workshop.settings.turn_seconds)
        self._let_join()
        try:
            return self._yield()
        except (LeaseLostError, UnavailableError):  # the next heartbeat finds out which runs are affected
            return None

    def _yield(self) -> Lease | None:
        """Make the exchange that the tenants' shares ask for, if any.

        The company goes on as it is if a checkpoint cannot be written, or if the other run no longer waits.

        Returns:
            The lease of a run for which the whole company has left.
        """
        queue, members = self._workshop.queue, list(self._members)
        company = Company(
            leases=[member.lease for member in members],
            had_turns={member.lease.job for member in members if member.run.turn.is_over},
            had_turn=self._turn.is_over,
            is_full=len(members) >= self._workshop.settings.max_runs_per_worker,
        )
        if not (company.had_turn or company.had_turns):
            return None
        leaving = queue.leaving(company)
        yielding = [member for member in members if member.lease in leaving]
        if not yielding or not all(member.run.checkpoint() for member in yielding):
            return None
        following = queue.hand_over(company, leaving, self._duration)
        if following is None:
            return None
        for member in yielding:
            self._leave(member)
            _log.info(
                "experiment_yielded",
                experiment=member.lease.experiment.id,
                tenant=member.lease.experiment.tenant,
                to=following.experiment.id,
                compute_seconds=member.heartbeat.compute_seconds,
            )
        if not self._members:
            return following
        self._begin(following)
        return None

    @contextmanager
    def _ending(self, member: _Member) -> Iterator[None]:
        """End a run if the block raises an error."""
        try:
            yield
        except Exception as error:  # the root of a run: its error must not end the others
            self._end(member, error)

    def _end(self, member: _Member, error: Exception | None) -> None:
        """Let a run leave, and store why: None if it has succeeded. Runs that have left before are ignored."""
        if member not in self._members:
            return
        self._leave(member)
        tuning = member.run.tuning
        if isinstance(error, WorkerStoppingError) and tuning is not None and not tuning.done:
            try:
                member.run.checkpoint()
            except Exception as fault:  # the root of a run, as above
                error = fault
        end_run(self._workshop, member.lease, member.heartbeat, error)

    def _leave(self, member: _Member) -> None:
        """Let a run leave: its lease is no longer renewed, and its base model may be unloaded."""
        self._members.remove(member)
        if self._tuner is not None and member.run.tuning is not None:
            self._tuner.remove(member.run.tuning)
        member.held.close()

    def _member_of(self, tuning: TuningRun) -> _Member:
        return next(member for member in self._members if member.run.tuning is tuning)

    def _load(self, held: ExitStack, base: BaseModel) -> LoadedModel:
        """Return a base model, loaded if necessary. It stays in memory until `held` closes."""
        hold = self._models.hold(base)
        held.callback(hold.release)
        return hold.loaded.result()

    def _tuner_for(self, tuning: TuningRun) -> CoTuner:
        """Return the company's tuner, made with the base model of its first run."""
        if self._tuner is None:
            settings, spec = self._workshop.settings, tuning.model.spec
            speed = TuningSpeed(device=settings.device, dtype=settings.dtype)
            self._price = TokenPrice(
                MachineSpeeds(self._workshop.database),
                Machine(base_model=spec.id, device=speed.device, dtype=speed.dtype),
                lambda: speed.seconds_per_token(spec),
            )
            self._tuner = CoTuner(tuning.model)
        return self._tuner

    def _settle(self) -> None:
        """Store the observed speed of the machine."""
        try:
            if self._price is not None:
                self._price.settle()
        except UnavailableError:  # the database has logged the cause once; the next company observes it again
            return
