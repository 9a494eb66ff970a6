"""Evaluations: several systems that answer the rows of one dataset, and how they compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final

from foreword.domain.experiment import TaskOptions
from foreword.domain.failure import Failure
from foreword.domain.job import JobState
from foreword.domain.report import Finding, Interval, SystemEvaluation

MAX_SYSTEMS: Final = 8
"""Maximum number of systems of an evaluation."""

MAX_SHOTS: Final = 8
"""Maximum number of examples in a request to a base model."""

MAX_EVALUATED_ROWS: Final = 100_000
"""Maximum number of rows of the dataset of an evaluation."""

MAX_ANSWERS: Final = 200_000
"""Maximum number of answers of an evaluation: rows times systems. Their scores need memory."""

MAX_ANSWER_CHARACTERS: Final = 10_000
"""Maximum length of an answer or a reference that is kept; longer ones are cut."""

MAX_KEPT_LABELS: Final = 20
"""Maximum number of labels of an answer whose probability is kept."""


class EvaluationPhase(Enum):
    """The current phase of a running evaluation."""

    LOADING = "loading"
    ANSWERING = "answering"
    SCORING = "scoring"
    STORING = "storing"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedSystem:
    """A system to evaluate: a model, and how it is asked.

    Attributes:
        id: Id in the results, different for each system of an evaluation.
        model: The model as the caller named it.
        base_model: Id of the base model.
        tuned_model: Id of the tuned model; None for a base model without tuning.
        shots: Number of examples in each request.
        constrained: Whether the answers of a base model are restricted to the label sets of the task.
        instruction: Instruction before the input; empty for none.
        verbalizer: Template of a base model's requests; empty for that of the tuned model or of the task.
        base_revision: Revision of the weights of the base model when the evaluation was created; empty in evaluations
            that were stored before it was noted. Tuned models never change.
    """

    id: str
    model: str
    base_model: str
    tuned_model: str | None = None
    shots: int = 0
    constrained: bool = False
    instruction: str = ""
    verbalizer: str = ""
    base_revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationConfig:
    """The configuration of an evaluation. It never changes after creation.

    Attributes:
        dataset: Id of the dataset with the labelled rows.
        task: Id of the task.
        systems: At least one; the others are compared with the first.
        examples_dataset: Id of the dataset from which examples are taken; None without systems that need any.
        warnings: What makes the results misleading, found when the evaluation was created.
    """

    dataset: str
    task: str
    task_options: TaskOptions
    systems: tuple[EvaluatedSystem, ...]
    examples_dataset: str | None = None
    warnings: tuple[Finding, ...] = ()

    @property
    def base_models(self) -> tuple[str, ...]:
        """Ids of the base models, in the order of the systems."""
        return tuple(dict.fromkeys(system.base_model for system in self.systems))


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationProgress:
    """Progress of an evaluation. `percent` is in [0, 100]; `remaining_seconds` is None while unknown.

    Attributes:
        answered_count: Number of answers that are stored.
        total_count: Number of rows times number of systems.
    """

    percent: float = 0.0
    answered_count: int = 0
    total_count: int = 0
    remaining_seconds: float | None = None
    phase: EvaluationPhase = EvaluationPhase.LOADING


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemDifference:
    """The difference of a metric between two systems on the same rows.

    Attributes:
        difference: Value of `system` minus value of `reference`.
        interval: 95 % interval of the difference, from resamples of the rows that both share; None if it is unknown.
    """

    system: str
    reference: str
    metric: str
    difference: float
    interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRowsFile:
    """The stored rows with the answers of all systems.

    Attributes:
        artifact: Key prefix in the artifact store.
        byte_size: Size of the rows in bytes.
        blocks_sha256: SHA-256 of the hashes of their blocks, in hexadecimal.
        row_count: Number of rows.
    """

    artifact: str
    byte_size: int
    blocks_sha256: str
    row_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationResults:
    """The results of an evaluation.

    Attributes:
        systems: Results of the systems, in their order.
        differences: Differences of the other systems to the first.
        differing_row_count: Number of rows that the systems do not all answer alike.
        partial: Whether they cover only the first rows, because the evaluation was cancelled or has failed. Systems
            without an answer are left out, and the rows are those that all others have answered.
    """

    systems: tuple[SystemEvaluation, ...] = ()
    differences: tuple[SystemDifference, ...] = ()
    differing_row_count: int = 0
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """An evaluation.

    Attributes:
        estimated_seconds: Estimated compute time; 0 if the speed of a base model is unknown.
        results: Empty until it has ended, if it has ended without an answer, and if it was listed without them.
        rows: The stored rows; None until it has ended, and if it has ended without an answer.
        compute_seconds: Compute time that the work so far takes one worker without other work.
        wait_start_time: Time since which it waits for a worker: queued, between two turns, or after its worker died.
            None while a worker has it, and after its end.
        retry_of: Id of the evaluation that it repeats; None if it is no retry.
        resumed_count: Number of answers that a retry has taken over.
    """

    tenant: str
    id: str
    display_name: str
    description: str
    config: EvaluationConfig
    estimated_seconds: float
    state: JobState
    failure: Failure | None
    progress: EvaluationProgress
    results: EvaluationResults
    rows: AnswerRowsFile | None
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
class SystemAnswer:
    """The answer of a system to a row.

    Attributes:
        answer: The text; empty if there was none.
        tokens: Number of tokens of the request and of the answer, without the soft prompt.
        probability: Probability of the answer among all label sets; None unless only label sets could be answered.
        label_probabilities: Probability of each label that is at least 0.001, the likeliest first; at most 20.
        reference_nats: Loss of the right answer in nats, summed over its tokens; None if it was not measured.
        reference_tokens: Number of tokens of the right answer; 0 if its loss was not measured.
    """

    answer: str
    tokens: int
    probability: float | None = None
    label_probabilities: Mapping[str, float] = field(default_factory=dict)
    reference_nats: float | None = None
    reference_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredRow:
    """A row with the answers of all systems.

    Attributes:
        row: Number of the row in the file, from 1.
        reference: The right answer, in the canonical form of the task.
        answers: In the order of the systems; None for one that has not answered the row before the evaluation ended.
        scores: The main metric on this row alone, for each answer.
        is_different: Whether the systems do not all answer alike.
    """

    row: int
    input: str
    reference: str
    answers: tuple[SystemAnswer | None, ...]
    scores: tuple[float | None, ...]
    is_different: bool
