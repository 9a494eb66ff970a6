"""Batch jobs: the answers of one model to all rows of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from foreword.domain.failure import Failure
from foreword.domain.inference import GenerateParameters, StopReason
from foreword.domain.job import JobState
from foreword.domain.label_options import LabelOptions


class BatchJobPhase(Enum):
    """The current phase of a running batch job."""

    LOADING = "loading"
    ANSWERING = "answering"
    WAITING = "waiting"


class AnswerSelection(Enum):
    """Which answers of a batch job to list."""

    ALL = "all"
    """Those of all rows."""
    FAILED = "failed"
    """Rows that have an error."""
    ABSTAINED = "abstained"
    """Rows that abstained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJobConfig:
    """The configuration of a batch job. It never changes after creation.

    Attributes:
        dataset: Id of the dataset with the rows.
        model: The model as the caller named it.
        base_model: Id of the base model.
        tuned_model: Id of the tuned model; None for a base model without tuning.
        classify: How labels are chosen; None if text is generated.
        generate: How text is generated; None if labels are chosen. The seed is that of row 1.
    """

    dataset: str
    model: str
    base_model: str
    tuned_model: str | None = None
    classify: LabelOptions | None = None
    generate: GenerateParameters | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJobPlan:
    """What a batch job is expected to take.

    Attributes:
        input_tokens: Estimated number of tokens of all inputs, without the soft prompt.
        estimated_seconds: Estimated compute time; 0 if the speed of the base model is unknown.
    """

    row_count: int
    input_tokens: int
    estimated_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJobProgress:
    """Progress of a batch job. `percent` is in [0, 100]; `remaining_seconds` is None while unknown.

    Attributes:
        answered_count: Number of rows that have an answer or an error, all of them stored.
        failed_count: Number of rows among them that have an error.
        total_count: Number of rows.
    """

    percent: float = 0.0
    answered_count: int = 0
    failed_count: int = 0
    total_count: int = 0
    remaining_seconds: float | None = None
    phase: BatchJobPhase = BatchJobPhase.LOADING


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """A batch job.

    Attributes:
        compute_seconds: Compute time that the work so far takes one worker without other work.
        wait_start_time: Time since which it waits for a worker: queued, between two turns, or after its worker died.
            None while a worker has it, and after its end.
        retry_of: Id of the batch job that it repeats; None if it is no retry.
        resumed_count: Number of rows whose answers a retry has taken over.
    """

    tenant: str
    id: str
    display_name: str
    description: str
    config: BatchJobConfig
    plan: BatchJobPlan
    state: JobState
    failure: Failure | None
    progress: BatchJobProgress
    compute_seconds: float
    creator: str
    create_time: datetime
    update_time: datetime
    start_time: datetime | None
    end_time: datetime | None
    wait_start_time: datetime | None = None
    retry_of: str | None = None
    resumed_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswer:
    """The answer to one row, or the reason why it has none.

    Attributes:
        row: Number of the row, as `Row.number`.
        fields: The other fields of the row, as `Row.fields`.
        answer: The text, cut to `MAX_ANSWER_CHARACTERS`; empty if the row abstained or failed.
        labels: The labels of the answer; empty unless labels were chosen.
        abstained: Whether no label set reached the threshold.
        probability: Probability of the likeliest label set; None unless labels were chosen.
        label_probabilities: Probability of the likeliest labels, as in `SystemAnswer`.
        stop_reason: Why a generated answer ended; None for labels and failed rows.
        input_tokens: Number of tokens of the input, without the soft prompt.
        seed: Seed of a sampled answer.
        failure: Why the row has no answer.
    """

    row: int
    input: str
    fields: str = ""
    answer: str = ""
    labels: tuple[str, ...] = ()
    abstained: bool = False
    probability: float | None = None
    label_probabilities: Mapping[str, float] = field(default_factory=dict)
    stop_reason: StopReason | None = None
    input_tokens: int = 0
    generated_tokens: int = 0
    soft_prompt_tokens: int = 0
    seed: int = 0
    failure: Failure | None = None
