"""Batch jobs and their answers as the client returns them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from foreword.domain.failure import Failure
from foreword.domain.inference import StopReason, TokenUsage
from foreword.domain.job import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJobPlan:
    """What a batch job is expected to take.

    Attributes:
        input_tokens: Estimated number of input tokens, without the soft prompt.
        estimated_seconds: Estimated compute time; 0 if it is unknown.
        capacity_unit_hours: Estimated cost; 0 if it is unknown.
    """

    row_count: int
    input_tokens: int
    estimated_seconds: float
    capacity_unit_hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJobProgress:
    """The progress of a batch job. `percent` is in [0, 100]; `remaining_seconds` is None while unknown.

    Attributes:
        answered_count: Number of rows that have an answer or an error.
        failed_count: Number of rows among them that have an error.
        total_count: Number of rows.
        phase: `loading`, `answering` or `waiting`.
    """

    percent: float
    answered_count: int
    failed_count: int
    total_count: int
    remaining_seconds: float | None
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """The answers of one model to all rows of a dataset, as a job.

    Attributes:
        dataset: Resource name of the dataset with the rows.
        model: The model as it was named.
        version: Resource name of the tuned or base model that answers.
        method: `classify` or `generate`.
        failure: Why the whole job failed; rows that failed are counted in `progress`.
        wait_start_time: Time since which it waits for a worker; None while a worker has it, and after its end.
        retry_of: Resource name of the batch job that it repeats; empty if it is no retry.
        resumed_count: Number of rows whose answers a retry has taken over; 0 if it answers all rows itself.
    """

    name: str
    display_name: str
    description: str
    dataset: str
    model: str
    version: str
    method: str
    plan: BatchJobPlan
    state: JobState
    failure: Failure | None
    progress: BatchJobProgress
    capacity_unit_hours: float
    creator: str
    create_time: datetime | None
    update_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None
    wait_start_time: datetime | None
    retry_of: str = ""
    resumed_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswer:
    """The answer to one row of a batch job.

    Attributes:
        row: Number of the row in the file, from 1; blank lines count, the header of a CSV file does not.
        fields: The other fields of the row, such as the number of a ticket.
        answer: The text, or the labels as text; empty if the row abstained or failed.
        labels: The labels of the answer; empty unless labels were chosen.
        abstained: Whether no label set reached the threshold.
        probability: Probability of the likeliest label set; None unless labels were chosen.
        label_probabilities: Probability of each label that is at least 0.001, the likeliest first.
        stop_reason: Why a generated answer ended; None for others.
        usage: Token counts; None if the row failed.
        seed: Seed of a sampled answer.
        failure: Why the row has no answer; None if it has one.
    """

    row: int
    input: str
    fields: Mapping[str, Any]
    answer: str
    labels: tuple[str, ...]
    abstained: bool
    probability: float | None
    label_probabilities: Mapping[str, float]
    stop_reason: StopReason | None
    usage: TokenUsage | None
    seed: int
    failure: Failure | None
