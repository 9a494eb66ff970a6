"""Tuning methods: what is trained, and what it contributes to the base model's pass."""

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
