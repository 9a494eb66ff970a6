"""A wait for an event with a timeout."""

from __future__ import annotations

import asyncio

from foreword_slack.clock import Clock


class Wakeup:
    """An event that a loop waits for, with a timeout by the bot's clock.

    The loop clears the event before it looks for work, so that work which arrives meanwhile is not missed.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._event = asyncio.Event()

    def set(self) -> None:
        """End the current wait, or the next one."""
        self._event.set()

    def is_set(self) -> bool:
        """Return whether `set` was called since the last `clear`."""
        return self._event.is_set()

    def clear(self) -> None:
        """Reset the event."""
        self._event.clear()

    async def wait(self, seconds: float) -> None:
        """Wait until `set` is called, or was called since the last `clear`, or `seconds` have passed."""
        try:
            async with self._clock.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            pass
