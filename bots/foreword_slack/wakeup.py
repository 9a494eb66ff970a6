"""Waiting for something to happen, or for a while."""

from __future__ import annotations

import asyncio

from foreword_slack.clock import Clock


class Wakeup:
    """An event that a loop waits for with a bound, by the bot's clock.

    The loop clears it before it looks for work, so that what comes while it looks is not missed.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._event = asyncio.Event()

    def set(self) -> None:
        """Ends the wait, also the next one."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether something happened since the last `clear`."""
        return self._event.is_set()

    def clear(self) -> None:
        """Forgets what happened before."""
        self._event.clear()

    async def wait(self, seconds: float) -> None:
        """Returns when `set` was called since the last `clear`, or `seconds` have passed."""
        try:
            async with self._clock.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            pass
