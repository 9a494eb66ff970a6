"""The price of a token at a worker: the time that it takes a run alone, whatever the company of the run."""

from __future__ import annotations

from collections.abc import Callable
from statistics import quantiles
from typing import Final

from foreword.domain.base_model import BaseModelSpec
from foreword.domain.machine_speed import Machine
from foreword.scheduling.workshop import Workshop
from foreword.storage.workers.machine_speeds import MachineSpeeds
from foreword.tuning.planning.speed import TuningSpeed
from foreword.tuning.runs.results import StepReport

_FEWEST_TOKENS: Final = 1_000
"""Tokens from which a refinement is worth a transaction."""
_FEWEST_UPDATES: Final = 8
"""Updates from which a few that were disturbed do not matter."""


class TokenPrice:
    """The stored time of a token on a machine, which stays the same while this object lives.

    Updates of runs that have the worker for themselves refine the stored time for later ones. What else the machine
    does can only make updates slower, so the fastest quarter of them counts.

    Args:
        speeds: The stored times.
        machine: The base model and the machine.
        estimate: Returns an estimate of the time, if none is stored.
    """

    def __init__(self, speeds: MachineSpeeds, machine: Machine, estimate: Callable[[], float]) -> None:
        self.seconds_per_token = speeds.get(machine, estimate).seconds_per_token
        self._speeds = speeds
        self._machine = machine
        self._paces: list[float] = []
        self._tokens = 0
        self._was_alone = False

    def observe(self, report: StepReport, *, is_alone: bool) -> None:
        """Record the time of an update if its run had the machine for itself."""
        # The first update after others pays for passes in their company, and the first of all for the warm-up.
        if is_alone and self._was_alone:
            self._paces.append(report.seconds / report.tokens)
            self._tokens += report.tokens
        self._was_alone = is_alone

    def settle(self) -> None:
        """Store what was observed."""
        if self._tokens >= _FEWEST_TOKENS and len(self._paces) >= _FEWEST_UPDATES:
            pace, _, _ = quantiles(self._paces, n=4)
            self._speeds.observe(self._machine, seconds=pace * self._tokens, tokens=self._tokens)
            self._paces, self._tokens = [], 0


def price_on(workshop: Workshop, spec: BaseModelSpec) -> TokenPrice:
    """Return the price of a token of a base model at this worker."""
    speed = TuningSpeed(device=workshop.settings.device, dtype=workshop.settings.dtype)
    return TokenPrice(
        MachineSpeeds(workshop.database),
        Machine(base_model=spec.id, device=speed.device, dtype=speed.dtype),
        lambda: speed.seconds_per_token(spec),
    )
