"""Sweeps and their trials as the client returns them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from foreword.domain.failure import Failure
from foreword.domain.halving import Rung
from foreword.domain.job import JobState
from foreword.domain.report import Finding
from foreword.domain.sweep import TRIAL_STOPPED, Search, SweptRange
from foreword.domain.sweep_outcome import SweepState


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneSweepPlan:
    """The plan of a sweep. Updates, time and cost are those of all trials, as far as halving lets them go.

    Attributes:
        rungs: The points at which weak trials are stopped; none without halving.
        estimated_seconds: Compute time on one worker; 0 if it is unknown.
        main_metric: Id of the metric by which trials are compared, such as `exact_match`.
    """

    trial_count: int
    validation_row_count: int
    rungs: tuple[Rung, ...]
    planned_updates: int
    estimated_seconds: float
    estimated_capacity_unit_hours: float
    warnings: tuple[Finding, ...]
    main_metric: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneTrial:
    """A trial of a sweep.

    Attributes:
        tune_experiment: Resource name of its experiment; empty if the sweep was only planned.
        values: Values of the swept parameters, by name.
        failure: Reason why it failed, or why its sweep stopped it; None otherwise.
        validation_metric: Held-out value of the main metric at the epoch that it keeps so far: the best, or with
            `keep_best=False` the last; None before the end of the first epoch.
        validation_loss: Held-out loss at that epoch, in nats per token.
        kept_epoch: That epoch; 0 before the end of the first one.
        tuned_model: Resource name of the tuned model; empty until the trial has succeeded.
    """

    number: int
    tune_experiment: str
    values: Mapping[str, Any]
    seed: int
    state: JobState
    failure: Failure | None
    validation_metric: float | None
    validation_loss: float | None
    kept_epoch: int
    epoch: float
    total_epochs: int
    capacity_unit_hours: float
    tuned_model: str

    @property
    def was_stopped(self) -> bool:
        """True if its sweep has stopped it early."""
        return self.failure is not None and self.failure.reason == TRIAL_STOPPED


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneSweep:
    """A search for the best parameters.

    Attributes:
        base_model: Resource name of the base model of all trials.
        dataset: Resource name of the dataset of all trials.
        tags: Tags that its trials were created with, by key.
        swept_parameters: Values, or the range, of each parameter that differs from trial to trial, by name.
        trials: The trials by number; empty if listed.
        best_trial: Resource name of the experiment that was best on the held-out rows; empty if there is none.
        tuned_model: Resource name of the best trial's tuned model; empty until the sweep has succeeded.
    """

    name: str
    display_name: str
    description: str
    base_model: str
    dataset: str
    tags: Mapping[str, str]
    swept_parameters: Mapping[str, tuple[Any, ...] | SweptRange]
    search: Search
    num_seeds: int
    halving: bool
    plan: TuneSweepPlan
    state: SweepState
    trials: tuple[TuneTrial, ...]
    best_trial: str
    tuned_model: str
    capacity_unit_hours: float
    creator: str
    create_time: datetime | None
    update_time: datetime | None
    end_time: datetime | None

    @property
    def best(self) -> TuneTrial | None:
        """The trial of `best_trial`; None if there is none, or if the sweep was listed without trials."""
        return next((trial for trial in self.trials if trial.tune_experiment == self.best_trial), None)
