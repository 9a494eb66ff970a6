"""Grafana's units, as the pictures write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_Steps = Sequence[tuple[float, str]]
_SCALES: Final[dict[str, _Steps]] = {
    "s": ((1e-6, " µs"), (1e-3, " ms"), (1.0, " s"), (60.0, " min"), (3600.0, " h")),
    "bytes": ((1.0, " B"), (2.0**10, " KiB"), (2.0**20, " MiB"), (2.0**30, " GiB")),
    "percentunit": ((0.01, " %"),),
    "reqps": ((1.0, " req/s"),),
    "short": ((1.0, ""), (1e3, " k"), (1e6, " M")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How the values of a panel are written.

    Attributes:
        factor: Value of one of the written units.
        suffix: What follows a number.
    """

    factor: float
    suffix: str

    def text(self, value: float) -> str:
        """Return a value with three significant digits and its unit."""
        number = value / self.factor
        return f"{number:,.0f}{self.suffix}" if abs(number) >= 100 else f"{number:.3g}{self.suffix}"


def scale(unit: str, greatest: float) -> Scale:
    """Return the scale for values of a unit.

    Args:
        unit: Grafana's name of the unit.
        greatest: The greatest value to be written.

    Raises:
        KeyError: The unit is unknown; add it here.
    """
    steps = _SCALES[unit]
    fitting = [step for step in steps if step[0] <= greatest]
    factor, suffix = (
        fitting[-1] if fitting else (steps[0] if greatest > 0 else min(steps, key=lambda step: abs(step[0] - 1)))
    )
    return Scale(factor=factor, suffix=suffix)
