"""The interface of tuning methods: the trained tensors, and their contributions to the base model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from foreword.domain.base_model import BaseModelSpec
from foreword.domain.parameters import ParameterSpec, ResolvedParameters
from foreword.plugin.encoded_row import EncodedRow
from foreword.plugin.loaded_model import LoadedModel

if TYPE_CHECKING:
    from random import Random

    from torch import Generator, Tensor

    from foreword.plugin.contributions import Contribution


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterGroup:
    """A group of tensors with one learning rate: the run's, multiplied by `scale`."""

    parameters: Mapping[str, Tensor]
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodPlan:
    """The cost of a method: trained parameters, context tokens in use, and bytes of memory in serving."""

    trainable_parameter_count: int
    context_tokens: int
    resident_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """The result of a method, with its kind and format version.

    Attributes:
        kind: Method and format version, such as `prompt_tuning/1`.
        tensors: The learnt tensors by name, in fp32 on the CPU.
        context_tokens: Number of tokens of the context in use.
    """

    kind: str
    tensors: Mapping[str, Tensor]
    context_tokens: int
    config: Mapping[str, Any] = field(default_factory=dict)


class Trainable(ABC):
    """One run of a method: named tensors and their contributions."""

    @property
    @abstractmethod
    def groups(self) -> Sequence[ParameterGroup]:
        """The tensors to train; everything else is frozen. Their order and names never change during a run."""

    @property
    def buffers(self) -> Mapping[str, Tensor]:
        """Tensors that change in a run without being trained, such as running averages. Checkpoints include them."""
        return {}

    @abstractmethod
    def contribute(self) -> Sequence[Contribution]:
        """Return differentiable contributions of the current tensors."""

    def vary_input(self, input_ids: Sequence[int], generator: Random) -> Sequence[int]:
        """Return a training input, possibly varied for this epoch; the same generator state gives the same result.

        Args:
            input_ids: The token ids of the input; at least one.
            generator: The only source of randomness.
        """
        del generator
        return input_ids

    def after_step(self) -> None:
        """Adjust the tensors after an update, for example to project them. Called after every update."""

    @abstractmethod
    def finish(self) -> Artifact:
        """Return the artifact of the current tensors, detached and copied."""


class TuningMethod(ABC):
    """A tuning method.

    Attributes:
        parameters: The parameters of the method in addition to the common ones.
        unused_parameters: The common parameters that the method does not use; a request that sets one is refused.
        starts_from_tuned_models: Whether the method overrides `start_from`.
    """

    id: ClassVar[str]
    display_name: ClassVar[str]
    description: ClassVar[str]
    parameters: ClassVar[tuple[ParameterSpec, ...]] = ()
    unused_parameters: ClassVar[frozenset[str]] = frozenset()
    starts_from_tuned_models: ClassVar[bool] = False

    @abstractmethod
    def plan(self, spec: BaseModelSpec, parameters: ResolvedParameters) -> MethodPlan:
        """Return the cost of a run.

        Raises:
            InvalidArgumentError: The parameters do not fit the model; the error names fields below `parameters`.
        """

    @abstractmethod
    def start(
        self,
        model: LoadedModel,
        parameters: ResolvedParameters,
        rows: Sequence[EncodedRow],
        generator: Generator,
    ) -> Trainable:
        """Start a run.

        Args:
            rows: The training rows, for an initialisation that depends on them; at least one.
            generator: The only source of randomness.
        """

    def start_from(self, artifact: Artifact, model: LoadedModel, parameters: ResolvedParameters) -> Trainable:
        """Start a run from the artifact of an earlier run of this method on the same base model.

        Called only if `starts_from_tuned_models`. The contributions of the run are at first those of the artifact.

        Raises:
            ArtifactError: The artifact does not fit; the message names the value.
        """
        raise NotImplementedError(f"{self.id} does not start from tuned models")

    @abstractmethod
    def contributions(self, artifact: Artifact) -> Sequence[Contribution]:
        """Return the contributions of an artifact."""

    @abstractmethod
    def to_peft(self, artifact: Artifact, spec: BaseModelSpec) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return the artifact in PEFT's format: `adapter_config.json` and tensors for `adapter_model.safetensors`."""

    @abstractmethod
    def from_peft(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor], spec: BaseModelSpec) -> Artifact:
        """Read an adapter that `to_peft` or PEFT itself wrote.

        Raises:
            ArtifactError: The adapter does not fit this method or this base model; the message names the value.
        """
