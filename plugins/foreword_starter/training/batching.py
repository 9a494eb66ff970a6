"""Lists to tensors.

Shapes: B rows, T tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def to_device(values: Sequence[Any], device: torch.device) -> Tensor:
    """A tensor of numbers, sent without waiting for the device."""
    tensor = torch.tensor(values)
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


def pad(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids and mask of rows of unequal length, padded on the right.

    Shape:
        Returns two of `[B, T]`.
    """
    longest = max(map(len, rows))
    ids_BT = to_device([[*row, *[0] * (longest - len(row))] for row in rows], device)
    mask_BT = to_device([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device)
    return ids_BT, mask_BT
