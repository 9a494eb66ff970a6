"""The turn of a run at its worker, which ends when runs of other tenants wait."""

from __future__ import annotations

import time
from collections.abc import Callable

from foreword.domain.worker_turns import is_turn_over
from foreword.storage.jobs.leases import Lease

_SECONDS_BETWEEN_LOOKS = 1.0


class TurnOverError(Exception):
    """The run has yielded its worker to a run of another tenant.

    Attributes:
        lease: The lease of that run.
    """

    def __init__(self, lease: Lease) -> None:
        super().__init__()
        self.lease = lease


class Turn:
    """The time of one run at its worker, from its lease.

    Args:
        seconds: Minimum time of tuning before the run yields.
        clock: Clock of monotonic time in seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._leased = self._tuning = self._next_look = clock()
        self._checkpoint_seconds = 0.0

    def begin_tuning(self) -> None:
        """Begin the part of the turn that counts: the model is loaded and the rows are encoded."""
        self._tuning = self._clock()

    def add_checkpoint(self, seconds: float) -> None:
        """Record how long it took to write a checkpoint, which ends every turn."""
        self._checkpoint_seconds = seconds

    def is_due(self) -> bool:
        """Return whether to look for runs to yield to: the turn is over, and the last look was some time ago."""
        now = self._clock()
        if now < self._next_look or not is_turn_over(
            tuned_seconds=now - self._tuning,
            overhead_seconds=self._tuning - self._leased + self._checkpoint_seconds,
            turn_seconds=self._seconds,
        ):
            return False
        self._next_look = now + min(_SECONDS_BETWEEN_LOOKS, self._seconds)
        return True
