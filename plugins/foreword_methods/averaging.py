"""A running average of trained values, which is more stable than the last step with its few rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    from torch import Tensor

_START: Final = 10
"""Damping of the first updates, which keeps the initial values from lingering in the average."""


class RunningAverage:
    """The average of a tensor over its updates.

    Args:
        tensor: The trained tensor.
        weight: Weight of the past at each update; 0 keeps no average.
    """

    def __init__(self, tensor: Tensor, weight: float) -> None:
        self._tensor = tensor
        self._weight = weight
        self._average = tensor.detach().clone()
        self._updates = torch.zeros((), dtype=torch.int64)

    @property
    def buffers(self) -> Mapping[str, Tensor]:
        """The tensors to store in a checkpoint; none without an average."""
        return {"average": self._average, "updates": self._updates} if self._weight else {}

    @torch.no_grad()
    def update(self) -> None:
        """Update the average with the current tensor."""
        if not self._weight:
            return
        self._updates += 1
        updates = int(self._updates)
        self._average.lerp_(self._tensor, 1 - min(self._weight, updates / (updates + _START)))

    def value(self) -> Tensor:
        """Return a copy on the CPU of the average, or of the tensor if there is no average."""
        return (self._average if self._weight else self._tensor).detach().to("cpu", copy=True)
