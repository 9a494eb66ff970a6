"""Changes to the logits of many rows at once, each row by its own parameters.

Legend: B rows, E end tokens, V vocabulary.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

_MOST_RAISE: Final = 1e4
"""Logits. More would be no surer, and overflow once divided by a small temperature."""


def penalize_repetition(logits_BV: Tensor, seen_BV: Tensor, penalty_B: Tensor) -> Tensor:
    """Divide positive logits of tokens that came before by the penalty, and multiply negative ones by it.

    Keskar et al. 2019, CTRL (arXiv 1909.05858), section 4.1.

    Shape:
        logits_BV and seen_BV (bool): `[B, V]`. penalty_B: `[B]`. Returns `[B, V]`.
    """
    penalty_B1 = penalty_B[:, None].to(logits_BV)
    penalized_BV = torch.where(logits_BV < 0, logits_BV * penalty_B1, logits_BV / penalty_B1)
    return torch.where(seen_BV, penalized_BV, logits_BV)


def favour_end(end_logits_BE: Tensor, count_B: Tensor, start_B: Tensor, decay_B: Tensor) -> Tensor:
    """Raise logits of end tokens by `|logit| * (decay ** (count - start) - 1)` once `count` tokens exceed `start`.

    This is the exponential decay of TGIS and of transformers' ExponentialDecayLengthPenalty.

    Shape:
        end_logits_BE: `[B, E]`. The others `[B]`. Returns `[B, E]`.
    """
    # fp64: 10 ** 512 has to be more than every bound, not a fault.
    factor_B = decay_B.double() ** (count_B - start_B).clamp(min=0) - 1
    raise_BE = end_logits_BE.double().abs() * factor_B[:, None]
    return end_logits_BE + raise_BE.nan_to_num(nan=0.0).clamp(max=_MOST_RAISE).to(end_logits_BE)
