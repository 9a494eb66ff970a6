"""The number of updates of a run, and the learning rate at each of them."""

from __future__ import annotations

import math


def rate_factor(update: int, *, total_updates: int, warmup_ratio: float, schedule: str) -> float:
    """Return the factor of the peak learning rate at an update.

    Args:
        update: Number of the update, from 0; one per optimiser step, whatever the number of accumulated batches.
        schedule: `constant`, or `linear` or `cosine` for a fall to 0 after the warm-up.
    """
    warmup = math.ceil(warmup_ratio * total_updates)
    if update < warmup:
        return (update + 1) / warmup
    left = 1 - (update - warmup) / max(1, total_updates - warmup)
    match schedule:
        case "linear":
            return left
        case "cosine":
            return (1 + math.cos(math.pi * (1 - left))) / 2
        case _:
            return 1.0


def updates_per_epoch(row_count: int, batch_size: int, accumulate_steps: int) -> int:
    """Return the number of updates in one pass over the rows; the last may have fewer batches than the others."""
    return math.ceil(math.ceil(row_count / batch_size) / accumulate_steps)
