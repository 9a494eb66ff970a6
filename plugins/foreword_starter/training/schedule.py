"""The learning rate over a stage, by the share of its budget that is spent."""

from __future__ import annotations

import math
from typing import Final

LEAST_FACTOR: Final = 0.02


def rate_factor(progress: float, *, warmup: float) -> float:
    """What multiplies the peak rates: a linear warm-up, then half a cosine down to nearly nothing.

    Args:
        progress: Share of the budget that is spent, from 0.
        warmup: Share of the budget in which the rate rises.
    """
    if progress < warmup:
        return max(LEAST_FACTOR, progress / warmup)
    left = 1 - min(1.0, (progress - warmup) / (1 - warmup))
    return LEAST_FACTOR + (1 - LEAST_FACTOR) * (1 - math.cos(math.pi * left)) / 2
