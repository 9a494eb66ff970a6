"""The part of a trial's run that concerns its sweep: when its score is compared with those of the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from foreword.domain.experiment import Phase, TuneExperiment
from foreword.domain.halving import Rung
from foreword.errors import UnavailableError
from foreword.observability.logging import get_logger
from foreword.storage.database import Database
from foreword.storage.repositories.sweeps import SweepRepository
from foreword.tuning.runs.results import StepReport

_log = get_logger("worker")


class TrialComparison:
    """Compares the trials of a sweep whenever one of them reaches a rung or ends its last epoch.

    An experiment that is no trial has no effect. Whatever a worker dies of between two comparisons, the next trial that
    reaches a rung, begins again or ends makes up for it.

    Args:
        note_stopped: Called with the ids of the experiments that a comparison has stopped.
    """

    def __init__(
        self, database: Database, experiment: TuneExperiment, note_stopped: Callable[[Collection[str]], None]
    ) -> None:
        self._experiment = experiment
        self._note_stopped = note_stopped
        self._sweeps = SweepRepository(database, experiment.tenant)
        self._rungs: Sequence[Rung] = ()
        self._total_epochs = 0
        self._is_due = False
        self._phase = Phase.TUNING

    def begin(self, total_epochs: int) -> None:
        """Read the rungs, and compare the trials as far as they have come.

        Args:
            total_epochs: Epochs of this trial, whose last score counts at all later rungs.
        """
        self._total_epochs = total_epochs
        if self._experiment.trial is not None:
            self._rungs = self._sweeps.rungs(self._experiment.trial.sweep)
            self._is_due = True
            self.compare_if_due()

    def note(self, report: StepReport) -> None:
        """Take note of an update, whose results the next heartbeat stores."""
        ends_epoch = report.phase is Phase.TUNING and report.validation_loss is not None
        points = {*(rung.epoch for rung in self._rungs), self._total_epochs}
        is_at_point = ends_epoch and round(report.epoch) in points
        self._is_due |= is_at_point or report.phase is not self._phase
        self._phase = report.phase

    def compare_if_due(self) -> None:
        """Compare the trials if this one has come to a rung. Its results must have been stored."""
        if self._is_due:
            self.compare()

    def compare(self) -> None:
        """Stop the trials that halving does not let go on, which may include this one.

        If the database is unavailable, that stays due: the next heartbeat finds out whether the run can go on.
        """
        trial = self._experiment.trial
        if trial is None or not self._rungs:
            self._is_due = False
            return
        try:
            stopped = self._sweeps.stop_weak_trials(trial.sweep)
        except UnavailableError:  # the database has logged the cause once
            self._is_due = True
            return
        self._is_due = False
        if stopped:
            self._note_stopped(stopped)
            _log.info("trials_stopped", sweep=trial.sweep, tenant=self._experiment.tenant, count=len(stopped))
