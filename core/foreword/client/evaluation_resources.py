"""Evaluations, their results and their rows as the client takes and returns them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from foreword.client.reference import Reference
from foreword.domain.evaluation import SystemDifference
from foreword.domain.experiment import TaskOptions
from foreword.domain.failure import Failure
from foreword.domain.job import JobState
from foreword.domain.report import Finding, SystemEvaluation


class RowSelection(Enum):
    """Which rows of an evaluation to list."""

    ALL = "all"
    """All rows."""
    DIFFERENT = "different"
    """Rows that the systems do not all answer alike."""
    WRONG = "wrong"
    """Rows that the first system does not answer rightly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedSystem:
    """A system to evaluate: a model, and how it is asked.

    Attributes:
        model: Serving name, deployment, tuned model or base model, like the argument `model` of `Client.classify`; a
            tuned model may also be given by its id or its display name.
        id: Id in the results: `[a-z0-9_-]{1,63}`. Default: made from the model and the way it is asked.
        shots: Number of examples in each request, in [0, 8]. Only for base models.
        constrained: Whether answers are restricted to the label sets of the task. Only for base models; tuned models of
            closed tasks are always restricted.
        instruction: Instruction before the input. Only for base models. Default: none.
        verbalizer: Template with one `{{input}}` for each request. Only for base models. Default: the template of the
            first tuned model; without any, that of the task.
        version: Resource name of the tuned or base model that is evaluated; set by the service.
    """

    model: Reference
    id: str = ""
    shots: int = 0
    constrained: bool = False
    instruction: str = ""
    verbalizer: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationProgress:
    """The progress of an evaluation. `percent` is in [0, 100]; `remaining_seconds` is None while unknown.

    Attributes:
        answered_count: Number of answers so far: rows times systems.
        total_count: Number of answers in all.
        phase: `loading`, `answering`, `scoring`, `storing` or `waiting`.
    """

    percent: float
    answered_count: int
    total_count: int
    remaining_seconds: float | None
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The measurement of one or several systems on the rows of a dataset.

    Attributes:
        dataset: Resource name of the dataset with the labelled rows.
        systems: The systems; the others are compared with the first.
        examples_dataset: Resource name of the dataset from which examples are taken; empty if none are needed.
        results: Results of the systems, in their order; empty until the evaluation has ended, and if listed.
        partial: Whether the results cover only the first rows, because it was cancelled or has failed; systems without
            an answer are left out.
        differences: Differences of the other systems to the first; empty if `results` is.
        differing_row_count: Number of rows that the systems do not all answer alike.
        estimated_seconds: Estimated compute time; 0 if it is unknown.
        wait_start_time: Time since which it waits for a worker; None while a worker has it, and after its end.
        warnings: What makes the results misleading, such as rows on which a system was tuned.
        retry_of: Resource name of the evaluation that it repeats; empty if it is no retry.
        resumed_count: Number of answers that a retry has taken over; 0 if it answers all rows itself.
    """

    name: str
    display_name: str
    description: str
    dataset: str
    systems: tuple[EvaluatedSystem, ...]
    task: str
    task_options: TaskOptions
    examples_dataset: str
    state: JobState
    failure: Failure | None
    progress: EvaluationProgress
    results: tuple[SystemEvaluation, ...]
    differences: tuple[SystemDifference, ...]
    differing_row_count: int
    estimated_seconds: float
    capacity_unit_hours: float
    creator: str
    create_time: datetime | None
    update_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None
    wait_start_time: datetime | None
    partial: bool
    warnings: tuple[Finding, ...] = ()
    retry_of: str = ""
    resumed_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationAnswer:
    """The answer of a system to a row.

    Attributes:
        system: Id of the system.
        answer: The answer; empty if there was none.
        score: The task's main metric on this row alone; 1 is a right answer in a closed task.
        probability: Probability of the answer among all label sets; None unless only label sets could be answered.
        label_probabilities: Probability of each label that is at least 0.001, the likeliest first.
        tokens: Number of tokens of the request and of the answer, without the soft prompt.
    """

    system: str
    answer: str
    score: float
    probability: float | None
    label_probabilities: Mapping[str, float]
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRow:
    """A row with the answers of all systems.

    Attributes:
        row: Number of the row in the file, from 1.
        reference: The right answer, in the canonical form of the task.
        answers: In the order of the systems.
    """

    row: int
    input: str
    reference: str
    answers: tuple[EvaluationAnswer, ...]
