"""The interface of tasks, which define how outputs are read, checked, generated and measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.parameters import ParameterSpec
from foreword.domain.report import Finding, MetricSpec, ReportPart

Schema = Mapping[str, Any]
"""The result of fitting a task to data and options, as JSON. It is stored with the plan and the tuned model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer of a model to a row.

    Attributes:
        text: The answer as the model gave it.
        row: Number of the row in its file, from 1.
        probability: Probability of the answer among all label sets, in [0, 1]; None unless the answer was chosen among
            label sets, and None while a model is tuned.
        label_probabilities: Probability of each label; empty if `probability` is None.
    """

    text: str
    row: int
    probability: float | None = None
    label_probabilities: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """The held-out results of a task, before the evaluation adds its own."""

    metrics: Mapping[str, float]
    parts: tuple[ReportPart, ...] = ()


PERPLEXITY: Final = MetricSpec(
    id="perplexity",
    display_name="Perplexity",
    description="Exponential of the mean loss per token of the right answers; 1 is certain. Compares systems of one "
    "base model.",
    higher_is_better=False,
)
"""The perplexity metric. The service computes it for a task that lists it, because it needs a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suitability:
    """A rating of how well a task suits rows for which no task was named.

    Attributes:
        score: A number in [0, 1]. The task with the highest score is chosen. Generation, which suits any text, has the
            score 0.5; return more only if the rows show that they are meant for this task.
        reason: A clause with counts for the plan and the data report, such as `353 rows have 2 labels`.
    """

    score: float
    reason: str


class Task(ABC):
    """A kind of work, which defines how outputs are read, checked, generated and measured.

    A task is stateless. What it learns from the data is returned as its schema.
    """

    id: ClassVar[str]
    display_name: ClassVar[str]
    description: ClassVar[str]
    default_verbalizer: ClassVar[str] = "{{input}}"
    options: ClassVar[tuple[ParameterSpec, ...]] = ()
    metrics: ClassVar[tuple[MetricSpec, ...]]
    main_metric: ClassVar[str]
    closed: ClassVar[bool] = False

    @abstractmethod
    def fit(self, rows: Iterable[Row], options: TaskOptions) -> Schema:
        """Return the schema of the rows.

        Args:
            rows: The rows, which can be iterated only once.

        Raises:
            InvalidArgumentError: The options contradict each other or the rows; the error names fields below
                `task_options`.
        """

    def suits(self, rows: Sequence[Row], options: TaskOptions) -> Suitability | None:
        """Rate how well rows suit this task. Called only if no task was named.

        Args:
            rows: The rows; at least one. A large file is represented by up to 10,000 rows from all parts of it.
            options: The options that were set; all of them are options of this task.

        Returns:
            The rating, or None for a task that is used only if it is named.
        """
        del rows, options
        return None

    @abstractmethod
    def start(self, options: TaskOptions) -> TaskCheck:
        """Start the check of a file."""

    @abstractmethod
    def target(self, output: str, schema: Schema) -> str:
        """Return the canonical form of an output: the text that the model should produce for the row."""

    def read_answer(self, text: str, schema: Schema) -> str:
        """Return what the text of a model says, so that answers which say the same are equal.

        Evaluations count and list the rows that systems answer differently. A task that reads several texts as one
        answer, such as `A` and `Answer: a.`, overrides this.

        Args:
            text: Text as the model gave it; any text, also one that is not an answer.

        Returns:
            The canonical form of the answer, which for a target is the target itself without surrounding whitespace.
        """
        return self.target(text, schema).strip()

    @abstractmethod
    def score(self, answers: Sequence[Answer], references: Sequence[str], schema: Schema) -> Scores:
        """Measure answers against the outputs of the rows. Text that is not a valid answer counts as wrong.

        The main metric depends on no probability: it is also computed while a model is tuned, without probabilities.

        Args:
            references: The output of the row of each answer.
        """

    def row_statistics(self, answer: Answer, reference: str, schema: Schema) -> Sequence[float] | None:
        """Return the numbers of a row from whose sums over rows the metrics follow, or None for a task without them.

        Such as, for the share of right answers, 1 for the row and 1 or 0 for a right or wrong answer. Confidence
        intervals are computed from them; without them, an evaluation has none.

        Args:
            reference: The output of the row.

        Returns:
            Finite numbers, equally many for every row with the same schema.
        """
        del answer, reference, schema
        return None

    def metrics_of_sums(self, sums: Sequence[float], schema: Schema) -> Mapping[str, float]:
        """Return the metrics that follow from the sums of `row_statistics`, with the values that `score` returns.

        It is called thousands of times for one interval, so it should take microseconds.

        Args:
            sums: Sum of each statistic over some rows; all 0 without rows.

        Returns:
            Value by metric id. Metrics that do not follow from sums are omitted, and have no interval.
        """
        del sums, schema
        return {}

    def evaluation_schema(self, rows: Iterable[Row], schemas: Sequence[Schema]) -> Schema:
        """Return the schema in which answers of several models are compared on the same rows.

        Args:
            rows: The rows, which can be iterated only once.
            schemas: The schemas of the models; empty if only base models are compared.

        Returns:
            The first schema, in which a task may include what only other schemas or the rows have; the schema of the
            rows if there are none.

        Raises:
            InvalidArgumentError: There are no schemas, and the rows do not suit the task.
        """
        return schemas[0] if schemas else self.fit(rows, TaskOptions())

    def label_space(self, schema: Schema) -> LabelSpace | None:
        """Return the closed set of answers, or None for an open task."""
        return None

    def trained_schema(self, schema: Schema, rows: Sequence[Row]) -> Schema:
        """Return the schema of a model that was trained on only some of the rows.

        The meaning of outputs stays the same, in particular the labels. Label sets that occur in none of the training
        rows are removed. A task whose schema contains no answers returns it unchanged.

        Args:
            schema: The schema of all rows.
            rows: The training rows.
        """
        del rows
        return schema


class TaskCheck(ABC):
    """The check of one file by a task. It may store state about earlier rows, bounded in size per row."""

    @abstractmethod
    def row(self, row: Row) -> None:
        """Take a row into account. Rows come in the order of the file, without those that are unusable."""

    def finish(self) -> tuple[Iterable[Finding], Iterable[ReportPart]]:
        """Return findings and report parts about the file, such as labels that crowd out others, after the last row.

        Raises:
            InvalidArgumentError: The options contradict the rows; each violation becomes an error of the report.
        """
        return (), ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSpace:
    """A closed set of answers.

    Attributes:
        labels: The labels, in the order in which answers list them.
        separator: The text between the labels of one answer.
        multi_label: Whether an answer may contain several labels.
        label_sets: The label sets seen in training, in canonical order; all single labels are candidates as well.
    """

    labels: tuple[str, ...]
    separator: str
    multi_label: bool
    label_sets: tuple[tuple[str, ...], ...]

    def text(self, labels: Iterable[str]) -> str:
        """Return the answer text of a label set, in canonical order."""
        order = {label: place for place, label in enumerate(self.labels)}
        return self.separator.join(sorted(labels, key=order.__getitem__))
