"""The learning rate schedule of a stage, by the share of its budget that is spent."""

from __future__ import annotations

import math
from typing import Final

MIN_FACTOR: Final = 0.02


def rate_factor(progress: float, *, warmup: float) -> float:
    """Return the factor for the peak rates: a linear warm-up, then a cosine decay to nearly zero.

    Args:
        progress: Share of the budget that is spent, from 0.
        warmup: Share of the budget in which the rate rises.
    """
    if progress < warmup:
        return max(MIN_FACTOR, progress / warmup)
    left = 1 - min(1.0, (progress - warmup) / (1 - warmup))
    return MIN_FACTOR + (1 - MIN_FACTOR) * (1 - math.cos(math.pi * left)) / 2
