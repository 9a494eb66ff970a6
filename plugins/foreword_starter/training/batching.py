"""Conversion of lists to tensors through numpy: converting nested lists directly takes longer than a training step.

Shapes: B rows, T tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

_STEP: Final = 8
"""Lengths are rounded up to a multiple of it: preparing kernels for a new shape costs more than some padding."""


def round_up(length: int, step: int = _STEP) -> int:
    """Return the length rounded up to a multiple of the step."""
    return -(-length // step) * step


def to_device(values: Sequence[Any] | np.ndarray, device: torch.device) -> Tensor:
    """Return the values as a tensor on the device, copied without waiting for the device."""
    tensor = torch.from_numpy(np.asarray(values))
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


def fill(rows: Sequence[Sequence[int]]) -> np.ndarray:
    """Pad rows of unequal length with zeros on the right, up to a rounded length.

    Shape:
        Returns `[B, T]`.
    """
    filled_BT = np.zeros((len(rows), round_up(max(map(len, rows)))), dtype=np.int64)
    for place, row in enumerate(rows):
        filled_BT[place, : len(row)] = row
    return filled_BT


def mask(lengths: Sequence[int]) -> np.ndarray:
    """Return a mask with ones up to each length, padded as `fill` pads rows.

    Shape:
        Returns `[B, T]`.
    """
    return (np.arange(round_up(max(lengths))) < np.asarray(lengths)[:, None]).astype(np.int64)


def pad(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the ids and the mask of rows of unequal length, padded on the right.

    Shape:
        Returns two tensors `[B, T]`.
    """
    return to_device(fill(rows), device), to_device(mask([len(row) for row in rows]), device)
