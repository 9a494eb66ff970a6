"""The tensors that a run trains, with their gradients and their optimiser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from foreword.domain.parameters import ResolvedParameters
from foreword.plugin.interfaces import Trainable
from foreword.tuning.runs.checkpoint import optimizer_state, restore_optimizer
from foreword.tuning.runs.optimisation import clip, make_optimizer, set_rate

if TYPE_CHECKING:
    from torch import Tensor


class Learner:
    """The trained tensors of one run. They are in fp32, whatever the dtype of the base model.

    Args:
        trainable: The tensors, at their start.
    """

    def __init__(self, trainable: Trainable, parameters: ResolvedParameters) -> None:
        self.trainable = trainable
        self._optimizer = make_optimizer(trainable.groups, parameters)
        self._max_gradient_norm = parameters.max_gradient_norm

    @property
    def tensors(self) -> list[Tensor]:
        """The trained tensors."""
        return list(self._named().values())

    def add(self, gradients: Sequence[Tensor | None]) -> None:
        """Add gradients of `tensors`, in their order; None stands for zero."""
        for tensor, gradient in zip(self.tensors, gradients, strict=True):
            if gradient is None:
                continue
            # A copy: gradients may share memory, and clipping changes them in place.
            tensor.grad = gradient.clone() if tensor.grad is None else tensor.grad + gradient

    def discard(self) -> None:
        """Drop the gradients."""
        self._optimizer.zero_grad(set_to_none=True)

    def step(self, rate: float) -> None:
        """Clip the gradients, make one optimiser step at a learning rate and drop the gradients."""
        clip(self.tensors, self._max_gradient_norm)
        set_rate(self._optimizer, rate)
        self._optimizer.step()
        self.discard()
        self.trainable.after_step()

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return everything that later steps depend on: tensors, and numbers as JSON. Gradients are not included."""
        optimizer_tensors, numbers = optimizer_state(self._optimizer)
        tensors = {f"parameter/{name}": tensor for name, tensor in self._named().items()}
        tensors |= {f"buffer/{name}": tensor for name, tensor in self.trainable.buffers.items()}
        tensors |= {f"optimizer/{name}": tensor for name, tensor in optimizer_tensors.items()}
        return tensors, numbers

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        for name, tensor in self._named().items():
            tensor.copy_(tensors[f"parameter/{name}"])
        for name, tensor in self.trainable.buffers.items():
            tensor.copy_(tensors[f"buffer/{name}"])
        prefix = "optimizer/"
        state = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        restore_optimizer(self._optimizer, state, numbers)

    def _named(self) -> dict[str, Tensor]:
        """Return the trained tensors by name."""
        return {name: tensor for group in self.trainable.groups for name, tensor in group.parameters.items()}
