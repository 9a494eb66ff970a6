"""Limits for clients that send wrong API keys."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Final

from foreword.errors import ExhaustedError
from foreword.observability.logging import get_logger
from foreword.server.callers.token_buckets import TokenBuckets

_LOG_SECONDS: Final = 60.0
_LOGGED_CLIENTS: Final = 10
_COUNTED_CLIENTS: Final = 10_000
_OTHERS: Final = "others"
_DELAY_SECONDS: Final = 5.0
"""Time for which the response to a client over its limit is held back, so that a client that repeats at once does not
take up the event loop."""
_MAX_DELAYED: Final = 1000
_log = get_logger("auth")


class FailedKeys:
    """The failed authentications of all clients, on one event loop.

    A client is an address; see `client_of`. A log line a minute counts the failures, instead of one line for each.

    Args:
        per_minute: Failures of a client in a minute, after which it gets RESOURCE_EXHAUSTED.
    """

    def __init__(self, *, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets = TokenBuckets(per_second=per_minute / 60, capacity=per_minute)
        self._counts: Counter[str] = Counter()
        self._flush: asyncio.TimerHandle | None = None
        self._delayed = 0

    def exhausted(self, client: str, now: float) -> bool:
        """Return whether the client is over its limit.

        Args:
            now: Monotonic time in seconds.
        """
        return self._buckets.wait_seconds(client, now) > 0

    async def record(self, client: str, now: float, remaining_seconds: float | None = None) -> ExhaustedError | None:
        """Count a failure. Return the error to raise instead if the client is over its limit, after a pause.

        Args:
            now: Monotonic time in seconds.
            remaining_seconds: Time until the deadline of the call, before which the error still has to arrive.
        """
        self._count(client)
        if self._buckets.take(client, now):
            return None
        if self._delayed < _MAX_DELAYED:
            self._delayed += 1
            try:
                left = 2 * _DELAY_SECONDS if remaining_seconds is None else remaining_seconds
                await asyncio.sleep(min(_DELAY_SECONDS, left / 2))
            finally:
                self._delayed -= 1
        return ExhaustedError(
            f"Your address has sent more than {self._per_minute} wrong or missing API keys in a minute. Correct the "
            "key, then try again.",
            reason="TOO_MANY_FAILED_KEYS",
            metadata={"limit_per_minute": str(self._per_minute)},
            retry_after=timedelta(seconds=max(1.0, self._buckets.wait_seconds(client, now))),
        )

    def close(self) -> None:
        """Log the failures that were counted last."""
        if self._flush is not None:
            self._flush.cancel()
            self._log()

    def _count(self, client: str) -> None:
        known = client in self._counts or len(self._counts) < _COUNTED_CLIENTS
        self._counts[client if known else _OTHERS] += 1
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(_LOG_SECONDS, self._log)

    def _log(self) -> None:
        """Write the line of the last minute."""
        counts, self._counts, self._flush = self._counts, Counter(), None
        _log.warning(
            "wrong_keys_refused",
            refusals=counts.total(),
            clients=len(counts),
            refusals_by_client=dict(counts.most_common(_LOGGED_CLIENTS)),
        )
