"""Datasets, tuning runs and tuned models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from foreword.domain.answer_calibration import AnswerCalibration
from foreword.domain.capture import CaptureProvenance
from foreword.domain.experiment import TaskOptions
from foreword.domain.failure import Failure
from foreword.domain.job import JobState
from foreword.domain.parameters import TuneParameters
from foreword.domain.report import DataReport, Finding, SystemEvaluation
from foreword.domain.suspect_rows import SuspectRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """An immutable version of rows.

    Attributes:
        report: None if the dataset was listed.
        reused: Whether an upload with `reuse_identical` found it stored already.
        unlabelled: Whether the rows have no outputs, so that only batch jobs accept them.
        captured_from: Which captured requests the rows are; None for a file that was uploaded.
    """

    name: str
    display_name: str
    description: str
    version: int
    content_sha256: str
    row_count: int
    byte_size: int
    report: DataReport | None
    creator: str
    create_time: datetime | None
    reused: bool = field(default=False, compare=False)
    unlabelled: bool = False
    captured_from: CaptureProvenance | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TunePlan:
    """The plan of an experiment.

    Attributes:
        parameters: Every parameter with its value.
        sources: Source of each parameter by name: `set`, `recipe`, `default`, `few_rows`, `many_rows`, `long_run`,
            `validation_dataset` or `tuned_model`.
        planned_updates: Number of updates of the prompt, including those of a refit.
        estimated_seconds: Run time on one worker whose machine does nothing else, estimated from the speed of earlier
            runs of all tenants or, if there are none, of one layer of the base model's width; 0 if its size is unknown.
    """

    parameters: TuneParameters
    sources: Mapping[str, str]
    training_row_count: int
    validation_row_count: int
    planned_updates: int
    trainable_parameter_count: int
    estimated_seconds: float
    estimated_capacity_unit_hours: float
    warnings: tuple[Finding, ...]
    labels: tuple[str, ...]
    multi_label: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneProgress:
    """Progress of a run.

    Attributes:
        percent: In [0, 100].
        loss: Training loss of the newest snapshot in nats per token; None before the first.
        remaining_seconds: None while unknown.
        phase: `loading`, `tuning`, `refitting`, `evaluating`, `storing`, or `waiting` between two turns at a worker; a
            newer service may have more phases.
    """

    percent: float = 0.0
    step: int = 0
    total_steps: int = 0
    epoch: float = 0.0
    total_epochs: int = 0
    loss: float | None = None
    remaining_seconds: float | None = None
    phase: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneSnapshot:
    """One point of the learning curve. Losses are in nats per token.

    Attributes:
        validation_loss: Held-out loss; None except at the end of an epoch.
        validation_metric: Held-out value of the task's main metric; None except at the end of an epoch.
        phase: `tuning` or `refitting`.
    """

    sequence: int
    step: int
    epoch: float
    loss: float
    validation_loss: float | None
    validation_metric: float | None
    learning_rate: float
    examples_per_second: float
    phase: str
    create_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneExperiment:
    """A tuning run.

    Attributes:
        validation_dataset: Resource name of the dataset whose rows are held out; empty if a share of `dataset` is.
        failure: Reason why the run failed; None if it has not.
        snapshots: The learning curve, oldest first; empty if listed, only the new snapshots if watched.
        evaluations: Held-out results, the tuned model first.
        curve_advice: One sentence of advice about the learning curve.
        suspect_rows: Rows that look mislabelled; None until the run has succeeded, and if listed without results.
        tuned_model: Resource name of the tuned model; empty until the run has succeeded.
        capacity_unit_hours: Compute time used so far, in hours of one worker.
        wait_seconds: Time that the run has waited between its turns, while runs of other tenants had its worker.
        wait_start_time: Time since which it waits for a worker; None while a worker has it, and after its end.
        tune_sweep: Resource name of the sweep of which it is a trial; empty if it is none.
        tags: Texts by key, to search by.
        retry_of: Resource name of the experiment that it repeats; empty if it is no retry.
        resumed_step: Number of updates that a retry has taken over from a checkpoint; 0 if it runs from the beginning.
    """

    name: str
    display_name: str
    description: str
    base_model: str
    dataset: str
    validation_dataset: str = ""
    task: str
    task_options: TaskOptions
    tuning_type: str
    verbalizer: str
    parameters: TuneParameters
    instruction: str
    evaluate_base: bool
    plan: TunePlan
    state: JobState
    failure: Failure | None
    progress: TuneProgress
    snapshots: tuple[TuneSnapshot, ...]
    evaluations: tuple[SystemEvaluation, ...]
    curve_advice: str
    suspect_rows: SuspectRows | None = None
    tuned_model: str
    capacity_unit_hours: float
    wait_seconds: float
    tune_sweep: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    retry_of: str = ""
    resumed_step: int = 0
    creator: str
    create_time: datetime | None
    update_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None
    wait_start_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedModel:
    """The result of an experiment. `evaluations` is empty if the model was listed.

    Attributes:
        answer_calibration: Calibration of the probabilities of `classify`; None for an open task, and if no rows were
            held out.
        tags: Texts by key, to search by: those of its experiment when it was stored, until they are changed.
    """

    name: str
    display_name: str
    base_model: str
    tune_experiment: str
    dataset: str
    task: str
    tuning_type: str
    verbalizer: str
    labels: tuple[str, ...]
    multi_label: bool
    num_virtual_tokens: int
    byte_size: int
    content_sha256: str
    provenance: Mapping[str, str]
    evaluations: tuple[SystemEvaluation, ...]
    creator: str
    create_time: datetime | None
    answer_calibration: AnswerCalibration | None
    tags: Mapping[str, str] = field(default_factory=dict)
