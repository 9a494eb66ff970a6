"""The turn of a run or of a company at its worker, which ends when runs of other tenants wait."""

from __future__ import annotations

import time
from collections.abc import Callable

from foreword.domain.worker_turns import is_turn_over


class Turn:
    """The time at a worker, from the lease.

    Args:
        seconds: Minimum time of tuning before the turn is over.
        clock: Clock of monotonic time in seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._leased = clock()
        self._tuning: float | None = None
        self._checkpoint_seconds = 0.0

    def begin_tuning(self) -> None:
        """Begin the part of the turn that counts: the model is loaded and the rows are encoded.

        Only the first call has an effect.
        """
        if self._tuning is None:
            self._tuning = self._clock()

    def add_checkpoint(self, seconds: float) -> None:
        """Record how long it took to write a checkpoint, which ends every turn."""
        self._checkpoint_seconds = seconds

    @property
    def is_over(self) -> bool:
        """True if the turn has lasted long enough, so that the worker may go to another run."""
        return self._tuning is not None and is_turn_over(
            tuned_seconds=self._clock() - self._tuning,
            overhead_seconds=self._tuning - self._leased + self._checkpoint_seconds,
            turn_seconds=self._seconds,
        )
