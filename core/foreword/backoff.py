"""Waits between attempts."""

from __future__ import annotations

from random import Random
from typing import Any

from tenacity import RetryCallState, wait_exponential


class Backoff:
    """Exponential backoff with full jitter, so that calls that failed together are not repeated together.

    Args:
        first_seconds: Maximum of the first wait.
        longest_seconds: Maximum of every wait.
        random: Source of the jitter.
    """

    def __init__(self, first_seconds: float, longest_seconds: float, random: Random) -> None:
        self._ceiling = wait_exponential(multiplier=first_seconds, max=longest_seconds)
        self._random = random

    def seconds(self, attempt: int) -> float:
        """Return the time to wait after a failed attempt.

        Args:
            attempt: Number of the failed attempt, from 1.
        """
        nothing: Any = None  # tenacity requires the object that would repeat the call; not used here
        state = RetryCallState(retry_object=nothing, fn=None, args=(), kwargs={})
        state.attempt_number = attempt
        return self._random.uniform(0.0, self._ceiling(state))
