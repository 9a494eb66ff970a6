"""Rows of different lengths in one tensor, and masks that hide the difference.

Legend: B rows, T tokens, H heads, K columns, d width of a head.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def padded(rows: Sequence[Sequence[int]], *, device: torch.device, left: bool = False) -> tuple[Tensor, Tensor]:
    """Pad rows of token ids to the longest of them.

    Args:
        left: Whether padding is in front of the ids.

    Shape:
        Returns ids, and which of them are not padding, each `[B, T]`.
    """
    num_tokens = max(map(len, rows))
    # The value of padding does not matter: it is masked.
    ids = [[*[0] * (num_tokens - len(row)), *row] if left else [*row, *[0] * (num_tokens - len(row))] for row in rows]
    ids_BT = torch.tensor(ids, dtype=torch.long, device=device)
    return ids_BT, valid_columns([len(row) for row in rows], device=device, left=left)


def valid_columns(lengths: Sequence[int], *, device: torch.device, left: bool = False) -> Tensor:
    """Return which columns hold a token of the row, for rows padded to the longest of them.

    Shape:
        Returns `[B, T]`, boolean.
    """
    num_columns = max(lengths)
    lengths_B1 = torch.tensor(lengths)[:, None]
    columns_T = torch.arange(num_columns)
    valid_BT = columns_T >= num_columns - lengths_B1 if left else columns_T < lengths_B1
    return valid_BT.to(device)


def additive(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """Return a mask to add to attention scores: 0 for visible columns.

    For other columns it is the smallest number, not minus infinity: a padded query sees no column and must not become
    NaN.
    """
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, torch.finfo(dtype).min)


def pad_states(states_BHKd: Tensor, length: int, *, left: bool) -> Tensor:
    """Pad columns of keys or values with zeros: masked values must still be finite."""
    missing = length - states_BHKd.shape[-2]
    if not missing:
        return states_BHKd
    return functional.pad(states_BHKd, (0, 0, missing, 0) if left else (0, 0, 0, missing))
