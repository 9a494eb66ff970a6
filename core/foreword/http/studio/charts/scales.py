"""Scales of figures: from values to shares of an axis, and ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

Scale = Callable[[float], float]
"""Maps a value to a share of the axis, 0 to 1."""

_STEPS: Final = (1.0, 2.0, 5.0)


def linear(low: float, high: float) -> Scale:
    """Return the scale from `low` to `high`."""
    width = high - low or 1.0
    return lambda value: (value - low) / width


def logarithmic(low: float, high: float) -> Scale:
    """Return the logarithmic scale from `low` to `high`, both positive. Smaller values lie on the edge."""
    width = math.log(high / low) or 1.0
    return lambda value: math.log(max(value, low) / low) / width


def linear_ticks(low: float, high: float, most: int = 8) -> list[float]:
    """Return at most `most` round numbers from `low` to `high`, at equal distances."""
    width = (high - low) / most or 1.0
    power = 10.0 ** math.floor(math.log10(width))
    step = next(step * power for step in (*_STEPS, 10.0) if step * power >= width * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def logarithmic_ticks(low: float, high: float) -> list[float]:
    """Return the numbers 1, 2 and 5 times a power of ten from `low` to `high`; only the powers if they are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = _STEPS if len(powers) <= 4 else _STEPS[:1]
    found = (step * 10.0**power for power in powers for step in steps)
    return [tick for tick in found if low <= tick * (1 + 1e-9) and tick <= high * (1 + 1e-9)]


def per_cent(share: float) -> str:
    """Return a share as SVG takes it."""
    return f"{100 * share:.2f}".rstrip("0").rstrip(".") + "%"


def apart(places: Sequence[float], least: float = 0.14) -> list[float]:
    """Return places from the top down, moved as little as keeps labels at them from touching."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + least) if moved else place)
    return moved
