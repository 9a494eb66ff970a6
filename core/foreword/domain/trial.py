"""Trials: experiments that belong to a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What makes an experiment a trial of a sweep.

    Attributes:
        sweep: Id of the sweep.
        number: Number in the sweep, from 1.
        values: Values of the swept parameters by name, as they are shown.
        seed: Seed of its run.
        keeps_best: Whether it keeps its best epoch instead of the last one.
    """

    sweep: str
    number: int
    values: Mapping[str, Any]
    seed: int
    keeps_best: bool
