"""The price of a token at a worker: the time that it takes a run alone, whatever the company of the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from foreword.domain.machine_speed import Machine
from foreword.storage.machine_speeds import MachineSpeeds
from foreword.tuning.runs.results import StepReport

_FEWEST_TOKENS: Final = 1_000
"""Tokens from which a refinement is worth a transaction."""


class TokenPrice:
    """The stored time of a token on a machine, which stays the same while this object lives.

    Updates of runs that have the machine for themselves refine the stored time for later ones.

    Args:
        speeds: The stored times.
        machine: The base model and the machine.
        estimate: Returns an estimate of the time, if none is stored.
    """

    def __init__(self, speeds: MachineSpeeds, machine: Machine, estimate: Callable[[], float]) -> None:
        self.seconds_per_token = speeds.get(machine, estimate).seconds_per_token
        self._speeds = speeds
        self._machine = machine
        self._seconds = 0.0
        self._tokens = 0
        self._was_alone = False

    def observe(self, report: StepReport, *, is_alone: bool) -> None:
        """Record the time of an update if its run had the machine for itself."""
        # The first update after others pays for passes in their company, and the first of all for the warm-up.
        if is_alone and self._was_alone:
            self._seconds += report.seconds
            self._tokens += report.tokens
        self._was_alone = is_alone

    def settle(self) -> None:
        """Store what was observed."""
        if self._tokens >= _FEWEST_TOKENS:
            self._speeds.observe(self._machine, seconds=self._seconds, tokens=self._tokens)
            self._seconds, self._tokens = 0.0, 0
