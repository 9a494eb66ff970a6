"""Tuning experiments: configuration, plan, state machine and learning curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

from foreword.domain.failure import Failure
from foreword.domain.parameters import ResolvedParameters, TuneParameters
from foreword.domain.report import Evaluation, Finding

DEFAULT_TUNING_TYPE: Final = "prompt_tuning"
"""The tuning method of an experiment that names none."""


class ExperimentState(Enum):
    """State of a run; `TRANSITIONS` holds the state machine.

    A run whose worker died stays RUNNING (or CANCELLING) and is leased by another worker.
    """

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether no other state follows."""
        return not TRANSITIONS[self]


TRANSITIONS: Mapping[ExperimentState, frozenset[ExperimentState]] = {
    ExperimentState.QUEUED: frozenset({ExperimentState.RUNNING, ExperimentState.CANCELLED}),
    ExperimentState.RUNNING: frozenset({ExperimentState.SUCCEEDED, ExperimentState.FAILED, ExperimentState.CANCELLING}),
    ExperimentState.CANCELLING: frozenset(
        {ExperimentState.CANCELLED, ExperimentState.SUCCEEDED, ExperimentState.FAILED}
    ),
    ExperimentState.SUCCEEDED: frozenset(),
    ExperimentState.FAILED: frozenset(),
    ExperimentState.CANCELLED: frozenset(),
}
"""The states that may follow each state. A run may end before its worker sees that it is to be cancelled."""


class Phase(Enum):
    """What a running experiment is doing."""

    LOADING = "loading"
    TUNING = "tuning"
    REFITTING = "refitting"
    EVALUATING = "evaluating"
    STORING = "storing"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """Options of a task as requested; None and empty mean: decide from the data."""

    labels: tuple[str, ...] = ()
    multi_label: bool | None = None
    separator: str | None = None
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentConfig:
    """What a caller asked for. Never changes after creation.

    Attributes:
        base_model: Id of the base model, aliases already followed.
        dataset: Id of the dataset.
        verbalizer: Template with `{{input}}`; the task's when the caller gave none.
        instruction: Used when the base model is evaluated without tuning; empty for none.
    """

    base_model: str
    dataset: str
    task: str
    task_options: TaskOptions
    tuning_type: str
    verbalizer: str
    parameters: TuneParameters
    instruction: str = ""
    evaluate_base: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TunePlan:
    """What an experiment will do: every value with its source, sizes, cost and warnings.

    Attributes:
        sources: `set`, `recipe`, `default`, `few_rows`, `many_rows` or `long_run` by parameter name.
        planned_updates: Updates of the prompt, a refit included.
        estimated_seconds: Run time on one worker; 0 when the size of the base model is unknown.
        schema: What the task read from the data (labels, label sets, ...), as the task's own JSON.
        labels: Labels in answer order; empty unless the task is closed.
    """

    parameters: ResolvedParameters
    sources: Mapping[str, str]
    training_row_count: int
    validation_row_count: int
    planned_updates: int
    trainable_parameter_count: int
    estimated_seconds: float
    warnings: tuple[Finding, ...]
    schema: Mapping[str, Any]
    labels: tuple[str, ...] = ()
    multi_label: bool = False

    @property
    def estimated_capacity_unit_hours(self) -> float:
        """Cost: hours of one worker."""
        return self.estimated_seconds / 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One point of the learning curve.

    Attributes:
        sequence: Grows by one from 1 over the life of the experiment; never reused, also when a run resumes.
        loss: Mean training loss since the snapshot before, in nats per token.
        validation_loss: Held-out loss in nats per token; None but at the end of an epoch.
        validation_metric: Held-out main metric; None but at the end of an epoch.
    """

    sequence: int
    step: int
    epoch: float
    loss: float
    validation_loss: float | None
    validation_metric: float | None
    learning_rate: float
    examples_per_second: float
    phase: Phase
    create_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is. `percent` is in [0, 100]; `remaining_seconds` is None while unknown."""

    percent: float = 0.0
    step: int = 0
    total_steps: int = 0
    epoch: float = 0.0
    total_epochs: int = 0
    loss: float | None = None
    remaining_seconds: float | None = None
    phase: Phase = Phase.LOADING


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneExperiment:
    """One tuning run.

    Attributes:
        snapshots: The learning curve, oldest first; empty when listed without it.
        last_sequence: Sequence number of the newest snapshot; 0 for none.
        tuned_model: Id of the tuned model; None until SUCCEEDED.
        compute_seconds: Worker time used so far.
    """

    tenant: str
    id: str
    display_name: str
    description: str
    config: ExperimentConfig
    plan: TunePlan
    state: ExperimentState
    failure: Failure | None
    progress: Progress
    snapshots: tuple[Snapshot, ...]
    last_sequence: int
    evaluations: tuple[Evaluation, ...]
    curve_advice: str
    tuned_model: str | None
    compute_seconds: float
    creator: str
    create_time: datetime
    update_time: datetime
    start_time: datetime | None
    end_time: datetime | None
