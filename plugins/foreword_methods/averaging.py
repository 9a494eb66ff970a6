"""A running average of what is trained: steadier than the last step, which has seen a few rows only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    from torch import Tensor

_START: Final = 10
"""Damps the first averages, so that the numbers from before training do not linger in them."""


class RunningAverage:
    """The average of a tensor over its updates.

    Args:
        tensor: What is trained.
        weight: Weight of the past at each update; 0 keeps no average.
    """

    def __init__(self, tensor: Tensor, weight: float) -> None:
        self._tensor = tensor
        self._weight = weight
        self._average = tensor.detach().clone()
        self._updates = torch.zeros((), dtype=torch.int64)

    @property
    def buffers(self) -> Mapping[str, Tensor]:
        """What a checkpoint holds of it; nothing without an average."""
        return {"average": self._average, "updates": self._updates} if self._weight else {}

    @torch.no_grad()
    def update(self) -> None:
        """Takes in the tensor as it is now."""
        if not self._weight:
            return
        self._updates += 1
        updates = int(self._updates)
        self._average.lerp_(self._tensor, 1 - min(self._weight, updates / (updates + _START)))

    def value(self) -> Tensor:
        """A copy of the average on the CPU, or of the tensor where none is kept."""
        return (self._average if self._weight else self._tensor).detach().to("cpu", copy=True)
