"""The layer that slows down clients which repeat refused calls at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from foreword.errors import ExhaustedError
from foreword.server.callers.token_buckets import TokenBuckets
from foreword.server.calls.interceptors import Call

_PROMPT_PER_SECOND: Final = 20
"""Refusals of a tenant that are sent at once."""
_PAUSE_SECONDS: Final = 0.5
_MAX_PAUSED: Final = 1000


class SlowRefusals:
    """The layer that holds RESOURCE_EXHAUSTED back for a moment if a tenant gets many of them.

    A client that ignores RetryInfo and repeats calls at once would otherwise keep the event loop busy with refusals.
    The layer is outside that of authentication, and inside the one that sends errors.

    Args:
        clock: Clock of monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets = TokenBuckets(per_second=_PROMPT_PER_SECOND, capacity=_PROMPT_PER_SECOND)
        self._paused = 0

    @asynccontextmanager
    async def layer(self, call: Call) -> AsyncIterator[None]:
        """Hold back the refusal of a call if its tenant has had too many."""
        try:
            yield
        except ExhaustedError:
            tenant = call.record.tenant  # empty if the key was refused, which has a pause of its own
            if tenant and not self._buckets.take(tenant, self._clock()) and self._paused < _MAX_PAUSED:
                await self._pause(call.context.time_remaining())
            raise

    async def _pause(self, remaining_seconds: float | None) -> None:
        """Wait, but so that the error still arrives before the deadline."""
        self._paused += 1
        try:
            left = 2 * _PAUSE_SECONDS if remaining_seconds is None else remaining_seconds
            await asyncio.sleep(min(_PAUSE_SECONDS, left / 2))
        finally:
            self._paused -= 1
