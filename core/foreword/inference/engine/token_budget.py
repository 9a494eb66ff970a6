"""The tokens that may wait for the engine, shared fairly between tenants."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Final

from foreword.errors import ExhaustedError
from foreword.turns.shares import exceeds_share

_SHORTEST_RETRY: Final = 0.1
_LONGEST_RETRY: Final = 30.0
_SMOOTHING: Final = 0.1


class TokenBudget:
    """A limit of the tokens that wait. It is thread-safe.

    One tenant cannot fill the queue for the others: if the queue is full, a tenant with less than an equal share may
    still enter, so that at most twice `max_tokens` wait.

    Args:
        max_tokens: Tokens that may wait. A request that is larger enters when nothing else waits.
    """

    def __init__(self, max_tokens: int) -> None:
        self._lock = threading.Lock()
        self._max_tokens = max_tokens
        self._held: dict[str, int] = {}
        self._total = 0
        self._tokens_per_second = 0.0

    @property
    def total(self) -> int:
        """Number of tokens that wait now."""
        return self._total

    def reserve(self, tenant: str, tokens: int) -> None:
        """Count tokens that begin to wait.

        Raises:
            ExhaustedError: The queue is full; `retry_after` estimates when it has room.
        """
        with self._lock:
            self._check(tenant, tokens)
            self._add(tenant, tokens)

    def resize(self, tenant: str, before: int, after: int) -> None:
        """Replace an estimate by the real number of tokens.

        Raises:
            ExhaustedError: The real number is larger, and the queue is full; the estimate still counts.
        """
        with self._lock:
            self._add(tenant, -before)
            try:
                if after > before:
                    self._check(tenant, after)
            except ExhaustedError:
                self._add(tenant, before)
                raise
            self._add(tenant, after)

    def release(self, tenant: str, tokens: int) -> None:
        """Release tokens that no longer wait."""
        with self._lock:
            self._add(tenant, -tokens)

    def record_speed(self, tokens: int, seconds: float) -> None:
        """Record how fast the engine takes tokens."""
        with self._lock:
            rate = tokens / max(seconds, 1e-6)
            known = self._tokens_per_second
            self._tokens_per_second = known + _SMOOTHING * (rate - known) if known else rate

    def _check(self, tenant: str, tokens: int) -> None:
        """Raise ExhaustedError if these tokens cannot begin to wait. The lock is held."""
        if self._total and exceeds_share(self._held, tenant, tokens, self._max_tokens):
            raise ExhaustedError(
                # Not how many tokens wait: most of them belong to other tenants.
                f"The queue of the engine is full: it takes at most {self._max_tokens} tokens. Try again later, or "
                "raise FOREWORD_MAX_QUEUED_TOKENS.",
                metadata={"max_queued_tokens": str(self._max_tokens)},
                retry_after=self._retry_after(tokens),
            )

    def _add(self, tenant: str, tokens: int) -> None:
        held = self._held.get(tenant, 0) + tokens
        if held:
            self._held[tenant] = held
        else:
            self._held.pop(tenant, None)
        self._total += tokens

    def _retry_after(self, tokens: int) -> timedelta:
        """Estimate the time until these tokens fit."""
        excess = self._total + tokens - self._max_tokens
        seconds = excess / self._tokens_per_second if self._tokens_per_second else 1.0
        return timedelta(seconds=min(max(seconds, _SHORTEST_RETRY), _LONGEST_RETRY))
