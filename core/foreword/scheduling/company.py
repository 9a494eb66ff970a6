"""The jobs of one base model that a worker does together: runs that it tunes, evaluations and batch jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from typing import Final

from foreword.domain.job import JobKind
from foreword.errors import LeaseLostError, UnavailableError
from foreword.inference.residency.model_residency import ModelResidency
from foreword.plugin.interfaces import BaseModel, LoadedModel
from foreword.scheduling.asides import Asides
from foreword.scheduling.batches.run import BatchRun
from foreword.scheduling.evaluations.run import EvaluationRun
from foreword.scheduling.heartbeat import Heartbeats
from foreword.scheduling.job_log import JobLog
from foreword.scheduling.price import TokenPrice, price_on
from foreword.scheduling.runs.member import Member
from foreword.scheduling.runs.run import ExperimentRun
from foreword.scheduling.sliced_run import SlicedMember
from foreword.scheduling.turn import Turn
from foreword.scheduling.workshop import Workshop
from foreword.storage.jobs.leases import Company, Lease
from foreword.tuning.company.co_tuning import CoTuner
from foreword.tuning.measuring import HELD_OUT_SHARE
from foreword.tuning.runs.results import StepReport
from foreword.tuning.runs.run import TuningRun

AnyMember = Member | SlicedMember
"""A job of a company."""

_SECONDS_BETWEEN_LOOKS: Final = 1.0
_LONGEST_WAIT_SECONDS: Final = 0.25
"""Time after which a worker whose runs all wait for a store sees to their leases and to other runs."""
_SAVING_THREADS: Final = 4


class WorkerCompany:
    """The jobs of one base model that a worker does together, from the first lease until all have left.

    Runs join and leave between steps, and what ends one run does not touch the others. What a run does for itself -
    prepare, measure at the end of an epoch, evaluate, store - goes on in slices between the common passes (`Asides`),
    which are as long as these, so that no run waits for longer than two passes. Evaluations and batch jobs do nothing
    else, and batch jobs come after the others.

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
        self._models = models
        self._stop = stop
        self._clock = clock
        self._duration = timedelta(seconds=settings.lease_seconds)
        self._metrics = workshop.metrics
        self._heartbeats = Heartbeats(workshop.queue, duration=self._duration, stop=stop, on_charge=self._note_charge)
        self._saver = ThreadPoolExecutor(_SAVING_THREADS, "checkpoints")
        self._members: list[AnyMember] = []
        self._asides: Asides[AnyMember] = Asides(clock)
        self._tuner: CoTuner | None = None
        self._price: TokenPrice | None = None
        self._turn = Turn(settings.turn_seconds, clock)
        self._next_look = clock()
        self._is_closing = False

    def work(self) -> Lease | None:
        """Tune the first run and those that join it until all have left.

        Returns:
            The lease of a run of another tenant for which the company has ended its turn; None if there is none.
        """
        following = None
        with self._heartbeats, self._saver, self._unwinding():
            self._begin(self._first)
            self._let_join()
            while self._members and following is None:
                self._step()
                following = self._look()
        self._settle()
        return following

    @contextmanager
    def _unwinding(self) -> Iterator[None]:
        """Let go of everything if the block raises an error."""
        try:
            yield
        finally:
            self._asides.close()
            for member in self._members:
                member.held.close()

    def _begin(self, lease: Lease) -> None:
        """Let a leased job join."""
        held = ExitStack()
        held.enter_context(self._workshop.traces.running(lease))
        self._log_of(lease).info("leased", resumed=lease.epoch > 1, beside=len(self._members))
        held.enter_context(self._metrics.running(lease.kind.value, lease.job))
        self._note_begin(lease)
        heartbeat = held.enter_context(self._heartbeats.of(lease))
        if lease.kind is not JobKind.TUNE:
            kind = EvaluationRun if lease.kind is JobKind.EVALUATE else BatchRun
            sliced = kind(self._workshop, lease, heartbeat, self._turn.begin_tuning)
            working = SlicedMember(self._workshop, sliced, lease, heartbeat, held)
            self._members.append(working)
            self._asides.begin(
                working,
                lease.tenant,
                partial(working.work, self._load),
                lambda *_: self._leave(working),
                is_background=lease.kind.is_background,
            )
            return
        run = ExperimentRun(self._workshop, lease, heartbeat, self._saver)
        member = Member(self._workshop, run, lease, heartbeat, held)
        self._members.append(member)
        self._asides.begin(member, lease.tenant, partial(member.prepare, self._load), partial(self._prepared, member))

    def _note_begin(self, lease: Lease) -> None:
        """Count a job that begins or goes on at this worker."""
        if lease.epoch > 1:
            self._metrics.resumed(lease.kind.value)
        elif lease.subject.start_time is not None:
            waited = lease.subject.start_time - lease.subject.create_time
            self._metrics.begun(lease.kind.value, waited.total_seconds())

    def _log_of(self, lease: Lease) -> JobLog:
        return JobLog(lease, **self._workshop.traces.ids(lease))

    def _note_charge(self, lease: Lease, seconds: float) -> None:
        self._metrics.charged(lease.tenant, lease.kind.value, seconds)

    def _let_join(self) -> None:
        """Let waiting runs of the company join while there is room."""
        most = self._workshop.settings.max_runs_per_worker
        while self._members and len(self._members) < most and not self._stop.is_set():
            try:
                lease = self._workshop.queue.join(self._first.worker, self._first.company, self._duration)
            except UnavailableError:  # the database has logged the cause once; the next heartbeat finds out as well
                return
            if lease is None:
                return
            self._begin(lease)

    def _step(self) -> None:
        """Make one pass and one slice of what a single run does, and bring every run up to date."""
        started = self._clock()
        has_trained = self._tuner is not None and self._train(self._tuner)
        if not self._asides.step(self._clock() - started) and not has_trained:
            self._asides.wait(_LONGEST_WAIT_SECONDS)
        for member, go_on in self._asides.ended():
            if isinstance(member, SlicedMember):  # it has stored its end itself
                go_on()
                continue
            with self._ending(member):
                go_on()
        try:
            self._heartbeats.beat()
        except UnavailableError as error:
            for member in self._training():
                self._end(member, error)
        for member in self._training():
            with self._ending(member):
                member.run.compare_if_due()
                member.heartbeat.check()
                member.run.checkpoints.write_if_due(member.tuning)

    def _training(self) -> list[Member]:
        """Return the runs that make passes, or could."""
        return [member for member in self._members if isinstance(member, Member) and member not in self._asides]

    def _interruptible(self) -> list[AnyMember]:
        """Return the jobs that can leave: runs between passes, and others that have stored answers."""
        sliced = [member for member in self._members if isinstance(member, SlicedMember)]
        return [*self._training(), *(member for member in sliced if member.run.can_leave)]

    def _train(self, tuner: CoTuner) -> bool:
        """Make one pass, and record its results. Return False if no run has a pass to make."""
        if not self._is_closing:
            for tuning in tuner.resting:
                self._measure(self._member_of(tuning))
        if len(tuner.resting) == len(tuner.runs):
            return False
        self._metrics.passed(tuner.runs[0].model.spec.id, len(tuner.runs) - len(tuner.resting))
        outcome = tuner.make_pass()
        for tuning, report in outcome.reports:
            member = self._member_of(tuning)
            with self._ending(member):
                self._record(member, report)
        for tuning, error in outcome.failures:
            self._end(self._member_of(tuning), error)
        return True

    def _measure(self, member: Member) -> None:
        """Begin to measure a run whose epoch is over."""
        if member not in self._asides:
            self._asides.begin(member, member.lease.tenant, member.end_epoch, partial(self._measured, member))

    def _prepared(self, member: Member, *_: object) -> None:
        """Let a run that is prepared make passes, or leave if its tuning is done already."""
        self._turn.begin_tuning()
        tuner = self._tuner_for(member.tuning)
        if member.tuning.done:
            self._end(member, None)
        else:
            tuner.add(member.tuning, tenant=member.lease.tenant)

    def _measured(self, member: Member, _: AnyMember, report: StepReport) -> None:
        """Let a run whose epoch was ended make passes again, or leave if its tuning is done."""
        self._record(member, report)
        if member.tuning.done:
            self._end(member, None)
        else:
            self._tuner_for(member.tuning).resume(member.tuning)

    def _record(self, member: Member, report: StepReport) -> None:
        """Record an update, and charge the run its tokens and those that were measured at the end of its epoch."""
        assert self._price is not None, "it is known before the first pass"
        measured = member.tuning.num_held_out_tokens if report.validation_loss is not None else 0
        seconds = (report.tokens + HELD_OUT_SHARE * measured) * self._price.seconds_per_token
        member.heartbeat.charge(seconds, tokens=report.tokens)
        self._price.observe(report, is_alone=len(self._members) == 1)
        config = member.lease.experiment.config
        self._metrics.updated(
            config.base_model, config.task, seconds=report.seconds, rows=report.rows, loss=report.loss
        )
        member.run.record(report)

    def _look(self) -> Lease | None:
        """Look now and then for runs that join, and for runs to yield to.

        Returns:
            The lease of a run for which the whole company has left.
        """
        now, can_close = self._clock(), self._is_closing and not self._asides
        if not self._members or (now < self._next_look and not can_close):
            return None
        self._next_look = now + min(_SECONDS_BETWEEN_LOOKS, self._workshop.settings.turn_seconds)
        if not self._is_closing:
            self._let_join()
        try:
            return self._yield()
        except (LeaseLostError, UnavailableError):  # the next heartbeat finds out which runs are affected
            return None

    def _yield(self) -> Lease | None:
        """Make the exchange that the tenants' shares ask for, if any.

        The company goes on as it is if a checkpoint cannot be written, or if the other run no longer waits. To leave as
        a whole, it ends first what single runs do in slices, and begins to measure no other. A job that is to leave
        gets no more slices while it waits for a store, and leaves when the store has answered.

        Returns:
            The lease of a run for which the whole company has left.
        """
        queue, members = self._workshop.queue, list(self._members)
        willing = self._interruptible()
        company = Company(
            leases=[member.lease for member in members],
            had_turns={member.lease.job for member in willing if member.turn.is_over},
            had_turn=self._turn.is_over,
            is_full=len(members) >= self._workshop.settings.max_runs_per_worker,
        )
        due = queue.leaving(company) if company.had_turn or company.had_turns else ()
        leaving = [member for member in members if member.lease in due]
        self._is_closing = any(member not in willing for member in leaving)
        self._asides.pause([member for member in leaving if member in willing and isinstance(member, SlicedMember)])
        if not leaving or self._is_closing or any(self._asides.is_outside(member) for member in leaving):
            return None
        if not all(self._has_saved(member) for member in leaving if isinstance(member, Member)):
            return None
        following = queue.hand_over(company, due, self._duration)
        if following is None:
            return None
        for member in leaving:
            self._asides.drop(member)
            self._metrics.ended(member.lease.kind.value, "yielded")
            self._workshop.traces.ended(member.lease, "yielded")
            self._log_of(member.lease).info(
                "yielded", to=following.subject.id, compute_seconds=member.heartbeat.compute_seconds
            )
            self._leave(member)
        if not self._members:
            return following
        self._begin(following)
        return None

    def _has_saved(self, member: Member) -> bool:
        """Write the checkpoint of a run, and return whether it was written."""
        return member.run.checkpoints.write(member.tuning)

    @contextmanager
    def _ending(self, member: Member) -> Iterator[None]:
        """End a run if the block raises an error."""
        try:
            yield
        except Exception as error:  # the root of a run: its error must not end the others
            self._end(member, error)

    def _end(self, member: Member, error: Exception | None) -> None:
        """Begin to end a run: None if its tuning is done. A run that does so already is ignored."""
        if member in self._asides:
            return
        self._stop_training(member)
        price = self._price.seconds_per_token if self._price is not None else 0.0
        self._asides.begin(
            member, member.lease.tenant, partial(member.leave, error, price), lambda *_: self._leave(member)
        )

    def _leave(self, member: AnyMember) -> None:
        """Let a job leave: its lease is no longer renewed, and its base model may be unloaded."""
        if isinstance(member, Member):
            self._stop_training(member)
        self._members.remove(member)
        member.held.close()

    def _stop_training(self, member: Member) -> None:
        if self._tuner is not None and member.run.tuning is not None:
            self._tuner.remove(member.run.tuning)

    def _member_of(self, tuning: TuningRun) -> Member:
        runs = (member for member in self._members if isinstance(member, Member))
        return next(member for member in runs if member.run.tuning is tuning)

    def _load(self, held: ExitStack, base: BaseModel) -> LoadedModel:
        """Return a base model, loaded if necessary. It stays in memory until `held` closes."""
        hold = self._models.hold(base)
        held.callback(hold.release)
        return hold.loaded.result()

    def _tuner_for(self, tuning: TuningRun) -> CoTuner:
        """Return the company's tuner, made with the base model of its first run."""
        if self._tuner is None:
            self._price = price_on(self._workshop, tuning.model.spec)
            self._tuner = CoTuner(tuning.model)
        return self._tuner

    def _settle(self) -> None:
        """Store the observed speed of the machine."""
        try:
            if self._price is not None:
                self._price.settle()
        except UnavailableError:  # the database has logged the cause once; the next company observes it again
            return
