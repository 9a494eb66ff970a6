"""Tuning experiments: configuration, plan, state machine and learning curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final

from foreword.domain.failure import Failure
from foreword.domain.job import JobState
from foreword.domain.parameters import ResolvedParameters, TuneParameters
from foreword.domain.report import Finding, SystemEvaluation
from foreword.domain.suspect_rows import SuspectRows
from foreword.domain.trial import Trial

DEFAULT_TUNING_TYPE: Final = "prompt_tuning"
"""The default tuning method."""

MAX_LABELS: Final = 1_000
"""Maximum number of labels of a closed task."""

MAX_LABEL_CHARACTERS: Final = 200
"""Maximum length of a label in characters."""
MAX_LABEL_TOKENS: Final = 65_536
"""Maximum number of tokens of all answers that one request scores."""


class Phase(Enum):
    """The current phase of a running experiment."""

    LOADING = "loading"
    TUNING = "tuning"
    REFITTING = "refitting"
    EVALUATING = "evaluating"
    STORING = "storing"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """Options of a task as requested. None or empty values are inferred from the data."""

    labels: tuple[str, ...] = ()
    multi_label: bool | None = None
    separator: str | None = None
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentConfig:
    """The configuration that a caller requested. It never changes after creation.

    Attributes:
        base_model: Id of the base model, with aliases already resolved.
        dataset: Id of the dataset.
        validation_dataset: Id of the dataset whose rows are held out; None if a share of `dataset` is.
        verbalizer: Template with one `{{input}}`; defaults to that of the task.
        instruction: Instruction for evaluating the base model without tuning; empty for none.
        split_seed: Seed of the choice of the held-out rows; None for that of the run.
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
    validation_dataset: str | None = None
    split_seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TunePlan:
    """The plan of an experiment: every parameter with its source, the sizes, the cost and the warnings.

    Attributes:
        sources: Source of each parameter by name: `set`, `recipe`, `default`, `few_rows`, `many_rows`, `long_run`,
            `validation_dataset` or `tuned_model`.
        planned_updates: Number of updates of the prompt, including those of a refit.
        estimated_seconds: Run time on one worker whose machine does nothing else; 0 if the size of the base model is
            unknown.
        schema: The task's schema of the data (labels, label sets, ...), in the task's own JSON format.
        labels: Labels in the order in which answers list them; empty unless the task is closed.
        split_seed: Seed of the choice of the held-out rows; None for that of the run.
        runs_alone: Whether the run takes so much memory that its worker must tune no other beside it.
        base_revision: Revision of the weights of the base model; empty in plans of older versions.
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
    split_seed: int | None = None
    runs_alone: bool = False
    base_revision: str = ""

    @property
    def held_out_seed(self) -> int:
        """Seed of the choice of the held-out rows."""
        return self.parameters.seed if self.split_seed is None else self.split_seed

    @property
    def estimated_capacity_unit_hours(self) -> float:
        """Estimated cost in hours of one worker."""
        return self.estimated_seconds / 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One point of the learning curve.

    Attributes:
        sequence: Number of the snapshot, counted from 1 over the life of the experiment; not reused when a run resumes.
        loss: Mean training loss since the previous snapshot, in nats per token.
        validation_loss: Held-out loss in nats per token; None except at the end of an epoch.
        validation_metric: Main metric on the held-out rows; None except at the end of an epoch.
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
    """Progress of a run. `percent` is in [0, 100]; `remaining_seconds` is None while unknown."""

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
    """A tuning run.

    Attributes:
        snapshots: The learning curve, oldest first; empty if the experiment was listed without it.
        last_sequence: Sequence number of the newest snapshot; 0 if there is none.
        suspect_rows: Rows that look mislabelled; None until the state is SUCCEEDED, and if it was listed without them.
        tuned_model: Id of the tuned model; None until the state is SUCCEEDED.
        compute_seconds: Time that the work so far takes one worker without other runs.
        wait_seconds: Time that the run has waited between its turns, while runs of other tenants had its worker.
        wait_start_time: Time since which it waits for a worker: queued, between two turns, or after its worker died.
            None while a worker has it, and after its end.
        trial: What makes it a trial of a sweep; None if it is none.
        tags: Texts by key, to search by; see `domain.tags`.
        retry_of: Id of the experiment that it repeats, which may have been deleted; None if it is no retry.
        resumed_step: Number of updates that a retry has taken over from a checkpoint of that experiment.
    """

    tenant: str
    id: str
    display_name: str
    description: str
    config: ExperimentConfig
    plan: TunePlan
    state: JobState
    failure: Failure | None
    progress: Progress
    snapshots: tuple[Snapshot, ...]
    last_sequence: int
    evaluations: tuple[SystemEvaluation, ...]
    curve_advice: str
    suspect_rows: SuspectRows | None = None
    tuned_model: str | None
    compute_seconds: float
    wait_seconds: float
    creator: str
    create_time: datetime
    update_time: datetime
    start_time: datetime | None
    end_time: datetime | None
    wait_start_time: datetime | None = None
    trial: Trial | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    retry_of: str | None = None
    resumed_step: int = 0
