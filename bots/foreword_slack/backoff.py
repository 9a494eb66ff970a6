"""How long to wait before trying again."""

from __future__ import annotations

from random import Random
from typing import Any

from tenacity import RetryCallState, wait_exponential


class Backoff:
    """Exponential waits with full jitter: many that failed together do not come back together.

    Args:
        first_seconds: The longest first wait.
        longest_seconds: No wait is longer.
        random: Where the jitter comes from.
    """

    def __init__(self, first_seconds: float, longest_seconds: float, random: Random) -> None:
        self._ceiling = wait_exponential(multiplier=first_seconds, max=longest_seconds)
        self._random = random

    def seconds(self, attempt: int) -> float:
        """How long to wait after a failed attempt.

        Args:
            attempt: Which one failed, counted from 1.
        """
        nothing: Any = None  # tenacity asks for the call that it would repeat itself
        state = RetryCallState(retry_object=nothing, fn=None, args=(), kwargs={})
        state.attempt_number = attempt
        return self._random.uniform(0.0, self._ceiling(state))
