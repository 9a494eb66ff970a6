"""What a plugin implements: base models, tasks, row validators and tuning methods.

Torch types appear in annotations only, so that a process without torch can read the catalogue.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

from foreword.domain.base_model import Architecture, BaseModelSpec
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.parameters import ParameterSpec, ResolvedParameters
from foreword.domain.report import Finding, MetricSpec, ReportPart

if TYPE_CHECKING:
    from random import Random

    from torch import Generator, Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from foreword.plugin.contributions import Contribution
    from foreword.plugin.encoding import EncodedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A base model in memory, frozen and in eval mode.

    Attributes:
        module: A transformers model with a language-modelling head.
        tokenizer: Its tokenizer; `tokenizer(text).input_ids` is what the model expects as input.
    """

    spec: BaseModelSpec
    module: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase


class BaseModel(ABC):
    """A base model that can be loaded."""

    @property
    @abstractmethod
    def spec(self) -> BaseModelSpec:
        """What is known of it without loading it."""

    @abstractmethod
    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        """Loads the tokenizer alone: lengths are counted before any weights are in memory."""

    @abstractmethod
    def load(self, *, device: str, dtype: str) -> LoadedModel:
        """Loads weights and tokenizer.

        Args:
            device: Torch device, such as `cpu`.
            dtype: `float32` or `bfloat16`; never what the checkpoint happens to hold.

        Raises:
            FailedPreconditionError: The weights are not there or do not fit; the message says what to do.
        """


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationContext:
    """What row validators may know about the rows to come.

    Attributes:
        count_tokens: Counts tokens of a text; None when no base model was named.
        max_input_tokens: Longest input in tokens; None when no base model was named.
        multi_label: None while undecided.
    """

    task: str
    count_tokens: Any = None
    max_input_tokens: int | None = None
    labels: tuple[str, ...] = ()
    multi_label: bool | None = None
    separator: str = ", "


class RowCheck(ABC):
    """One validator at work on one file; may remember what it has seen, within bounded memory per row."""

    @abstractmethod
    def row(self, row: Row) -> Iterable[Finding]:
        """Findings about one row, in the order of the file. A finding of severity ERROR makes the row unusable."""

    def finish(self) -> tuple[Iterable[Finding], Iterable[ReportPart]]:
        """Findings and report parts about the whole, after the last row."""
        return (), ()


class RowValidator(ABC):
    """A check of dataset rows."""

    id: ClassVar[str]
    description: ClassVar[str]

    @abstractmethod
    def start(self, context: ValidationContext) -> RowCheck | None:
        """Begins a file; None when there is nothing to check in this context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterGroup:
    """Tensors that an optimiser treats alike; `scale` multiplies the run's learning rate."""

    parameters: Mapping[str, Tensor]
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodPlan:
    """What a method will cost: numbers trained, context tokens taken, bytes kept in memory while served."""

    trainable_parameter_count: int
    context_tokens: int
    resident_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What a method learnt, tagged so that nothing needs to guess.

    Attributes:
        kind: Method and format version, such as `prompt_tuning/1`.
        tensors: By name, in fp32 on the CPU.
        context_tokens: Tokens of the context it takes.
    """

    kind: str
    tensors: Mapping[str, Tensor]
    context_tokens: int
    config: Mapping[str, Any] = field(default_factory=dict)


class Trainable(ABC):
    """One run of a method: named tensors, and the contributions that they make."""

    @property
    @abstractmethod
    def groups(self) -> Sequence[ParameterGroup]:
        """The tensors that are trained; everything else is frozen. Order and names never change in a run."""

    @property
    def buffers(self) -> Mapping[str, Tensor]:
        """Tensors that change in a run without being trained, such as running averages; checkpoints hold them."""
        return {}

    @abstractmethod
    def contribute(self) -> Sequence[Contribution]:
        """Differentiable contributions of the tensors as they are now."""

    def vary_input(self, input_ids: Sequence[int], generator: Random) -> Sequence[int]:
        """A training row's input as it is to be seen this time; the same generator state gives the same result.

        Args:
            input_ids: At least one token.
            generator: The only source of randomness.
        """
        del generator
        return input_ids

    def after_step(self) -> None:
        """Called after every update, for projections and the like."""

    @abstractmethod
    def finish(self) -> Artifact:
        """The artifact of the tensors as they are now, detached and materialised."""


class TuningMethod(ABC):
    """A way to tune.

    Attributes:
        parameters: Those that it takes beyond the common ones.
        unused_parameters: Common ones that mean nothing to it; whoever sets one is told so.
    """

    id: ClassVar[str]
    display_name: ClassVar[str]
    description: ClassVar[str]
    parameters: ClassVar[tuple[ParameterSpec, ...]] = ()
    unused_parameters: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def plan(self, spec: BaseModelSpec, parameters: ResolvedParameters) -> MethodPlan:
        """Costs of a run.

        Raises:
            InvalidArgumentError: The parameters do not fit the model; names fields below `parameters`.
        """

    @abstractmethod
    def start(
        self,
        model: LoadedModel,
        parameters: ResolvedParameters,
        rows: Sequence[EncodedRow],
        generator: Generator,
    ) -> Trainable:
        """Begins a run.

        Args:
            rows: Those that it is trained on, for a start that is made from them; at least one.
            generator: The only source of randomness.
        """

    @abstractmethod
    def contributions(self, artifact: Artifact) -> Sequence[Contribution]:
        """What a served artifact contributes."""

    @abstractmethod
    def to_peft(self, artifact: Artifact, spec: BaseModelSpec) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """The artifact as PEFT stores it: `adapter_config.json` and the tensors of `adapter_model.safetensors`."""

    @abstractmethod
    def from_peft(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor], spec: BaseModelSpec) -> Artifact:
        """Reads what `to_peft` wrote, or what PEFT itself did.

        Raises:
            ArtifactError: It does not fit this method or this base model; says which value.
        """


__all__ = [
    "Architecture",
    "Artifact",
    "BaseModel",
    "BaseModelSpec",
    "LabelSpace",
    "LoadedModel",
    "MethodPlan",
    "ParameterGroup",
    "RowCheck",
    "RowValidator",
    "Schema",
    "Scores",
    "Task",
    "Trainable",
    "TuningMethod",
    "ValidationContext",
]
