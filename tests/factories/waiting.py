"""Waiting for an event, however busy the machine is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

Found = TypeVar("Found")

PATIENCE_SECONDS: Final = 60.0
"""A time limit that only a hanging test reaches."""


async def eventually(condition: Any, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a condition holds, which may be a coroutine function."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.005)


def wait_until(condition: Callable[[], Found], seconds: float = PATIENCE_SECONDS) -> Found:
    """Wait until a condition holds and return its value, or fail at the end of the time."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"this did not happen within {seconds:g} s"
        time.sleep(0.01)
    return found
