"""Tensors that hold one row for each answer under way, kept in step as rows join and leave.

Legend: B rows.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(eq=False, slots=True, kw_only=True)
class RowTensors:
    """Base of dataclasses whose fields are tensors with rows first, or such dataclasses."""

    def select(self, rows_B: Tensor) -> None:
        """Keep these rows, in this order."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, RowTensors):
                value.select(rows_B)
            else:
                setattr(self, field.name, value[rows_B])

    def join(self, other: Self) -> None:
        """Append rows; zeros fill up rows that are narrower than the others."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if isinstance(mine, RowTensors):
                mine.join(theirs)
            else:
                setattr(self, field.name, _stacked(mine, theirs))


def _stacked(first: Tensor, second: Tensor) -> Tensor:
    """Return the rows of both tensors, one after the other."""
    sizes = [max(pair) for pair in zip(first.shape[1:], second.shape[1:], strict=True)]
    return torch.cat([_widened(first, sizes), _widened(second, sizes)])


def _widened(value: Tensor, sizes: list[int]) -> Tensor:
    """Pad a tensor with zeros after its last columns, so that all dimensions but the first have these sizes."""
    padding: list[int] = []
    for wanted, size in zip(reversed(sizes), reversed(value.shape[1:]), strict=True):
        padding += [0, wanted - size]
    return functional.pad(value, padding) if any(padding) else value
