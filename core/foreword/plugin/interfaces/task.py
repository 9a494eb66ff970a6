"""Tasks: how outputs are read, checked, generated and measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.parameters import ParameterSpec
from foreword.domain.report import Finding, MetricSpec, ReportPart

Schema = Mapping[str, Any]
"""What a task read from its data and options, as JSON: stored with the plan and the tuned model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Held-out results of a task, before the evaluation adds what it knows."""

    metrics: Mapping[str, float]
    parts: tuple[ReportPart, ...] = ()


PERPLEXITY: Final = MetricSpec(
    id="perplexity",
    display_name="Perplexity",
    description="Exponential of the mean loss per token of the right answers; 1 is certain. Tells systems of one base "
    "model apart.",
    higher_is_better=False,
)
"""A task that lists this among its metrics has it measured by the service, since only a model knows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suitability:
    """How well a task suits rows for which no task was named.

    Attributes:
        score: In [0, 1]. The task with the highest score is chosen. 0.5 is the score of generation, which suits any
            text; give more only where the rows show that they are meant for this task.
        reason: A clause with counts for the plan and the data report, such as `353 rows have 2 labels`.
    """

    score: float
    reason: str


class Task(ABC):
    """A kind of work: how outputs are read, checked, generated and measured.

    A task is stateless; what it learns from the data is its schema.
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
    def fit(self, rows: Sequence[Row], options: TaskOptions) -> Schema:
        """Reads what the task needs from the rows.

        Raises:
            InvalidArgumentError: The options contradict each other or the rows; names fields below `task_options`.
        """

    def suits(self, rows: Sequence[Row], options: TaskOptions) -> Suitability | None:
        """Rate how well rows suit this task; called only when no task was named.

        Args:
            rows: At least one.
            options: Those that were set; all of them are options of this task.

        Returns:
            None for a task that is only used when it is named.
        """
        del rows, options
        return None

    @abstractmethod
    def check(self, rows: Sequence[Row], schema: Schema) -> tuple[list[Finding], list[ReportPart]]:
        """Findings and report parts that need the whole data, such as labels that crowd out others."""

    @abstractmethod
    def target(self, output: str, schema: Schema) -> str:
        """The text that the model is to produce for a row with this output: its canonical form."""

    @abstractmethod
    def score(self, predictions: Sequence[str], references: Sequence[str], schema: Schema) -> Scores:
        """Measures predicted texts against the outputs of the rows; free text that is no answer counts as wrong."""

    def label_space(self, schema: Schema) -> LabelSpace | None:
        """The closed set of answers, or None for an open task."""
        return None

    def trained_schema(self, schema: Schema, rows: Sequence[Row]) -> Schema:
        """The schema of a model that was trained on some of the rows only.

        What outputs mean stays, the labels above all; answers that occur in no row that was trained on are no longer
        among the label sets. A task whose schema holds nothing of the kind leaves it as it is.

        Args:
            schema: That of all rows.
            rows: Those trained on.
        """
        del rows
        return schema


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSpace:
    """A closed set of answers.

    Attributes:
        labels: In the order in which answers list them.
        separator: Between the labels of one answer.
        multi_label: Whether an answer may hold several.
        label_sets: Those seen in training, in canonical order; all single labels are always candidates too.
    """

    labels: tuple[str, ...]
    separator: str
    multi_label: bool
    label_sets: tuple[tuple[str, ...], ...]

    def text(self, labels: Iterable[str]) -> str:
        """The answer text of a label set, in canonical order."""
        order = {label: place for place, label in enumerate(self.labels)}
        return self.separator.join(sorted(labels, key=order.__getitem__))
