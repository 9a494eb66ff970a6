"""Lists to tensors, by way of numpy: an accelerator would wait longer for nested lists than it takes for a step.

Shapes: B rows, T tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

_STEP: Final = 8
"""Lengths are rounded up to it: kernels are prepared anew for every shape, which takes longer than some zeros."""


def round_up(length: int, step: int = _STEP) -> int:
    """The next multiple."""
    return -(-length // step) * step


def to_device(values: Sequence[Any] | np.ndarray, device: torch.device) -> Tensor:
    """A tensor of numbers, sent without waiting for the device."""
    tensor = torch.from_numpy(np.asarray(values))
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


def fill(rows: Sequence[Sequence[int]]) -> np.ndarray:
    """Rows of unequal length with zeros behind them, up to a length that is often met.

    Shape:
        Returns `[B, T]`.
    """
    filled_BT = np.zeros((len(rows), round_up(max(map(len, rows)))), dtype=np.int64)
    for place, row in enumerate(rows):
        filled_BT[place, : len(row)] = row
    return filled_BT


def mask(lengths: Sequence[int]) -> np.ndarray:
    """Ones up to each length, as long as `fill` makes rows.

    Shape:
        Returns `[B, T]`.
    """
    return (np.arange(round_up(max(lengths))) < np.asarray(lengths)[:, None]).astype(np.int64)


def pad(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids and mask of rows of unequal length, padded on the right.

    Shape:
        Returns two of `[B, T]`.
    """
    return to_device(fill(rows), device), to_device(mask([len(row) for row in rows]), device)
