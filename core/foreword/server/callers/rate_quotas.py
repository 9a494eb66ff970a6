"""The quotas of requests and tokens per second of each tenant, on this server."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from cachetools import LRUCache

from foreword.domain.inference import TokenUsage
from foreword.domain.quota import UNLIMITED, QuotaKind, Quotas
from foreword.errors import UnavailableError
from foreword.server.callers.token_buckets import DebtBuckets, capacity_of
from foreword.server.calls.interceptors import Call
from foreword.server.calls.pools import READ_SECONDS
from foreword.server.calls.recent import RecentCache
from foreword.storage.quotas.limits import exceeded, shown
from foreword.storage.usage.quotas import QuotaRepository
from foreword.turns.turn_pool import TurnPool

_MAX_AGE_SECONDS: Final = 1.0
_REMEMBERED: Final = 10_000
_SHORTEST_WAIT: Final = timedelta(milliseconds=1)


class RateQuotas:
    """The rates of all tenants, on one event loop. A change of a quota takes effect within a second.

    A request is admitted if the tenant has a whole request and a whole token left. Its tokens are taken when they are
    known, which may leave a debt, so that no request waits although there were tokens for it.

    Args:
        quotas: Repository of the quotas; those of each tenant are read at most once a second.
        threads: Runs the look-ups.
        clock: Clock of monotonic time in seconds.
    """

    def __init__(self, quotas: QuotaRepository, threads: TurnPool, clock: Callable[[], float] = time.monotonic) -> None:
        self._quotas = quotas
        self._threads = threads
        self._clock = clock
        self._recent: RecentCache[str, Quotas] = RecentCache(_MAX_AGE_SECONDS, clock=clock)
        self._last: LRUCache[str, Quotas] = LRUCache(_REMEMBERED)
        self._requests = DebtBuckets()
        self._tokens = DebtBuckets()

    @asynccontextmanager
    async def layer(self, call: Call) -> AsyncIterator[None]:
        """Count an RPC, and refuse it if the tenant has no request left. The caller must be authenticated.

        Raises:
            ExhaustedError: It has none left.
        """
        await self.take_requests(call.record.tenant)
        yield

    async def take_requests(self, tenant: str, number: int = 1, *, checked: bool = True) -> None:
        """Take requests from a tenant.

        Args:
            checked: Whether to refuse them if the tenant has none left.

        Raises:
            ExhaustedError: It has none left.
        """
        rate = (await self._limits(tenant)).requests_per_second
        if rate is None:
            return
        now = self._clock()
        if checked:
            self._check(self._requests, QuotaKind.REQUESTS_PER_SECOND, tenant, rate, now)
        self._requests.take(tenant, number, rate, now)

    async def check_tokens(self, tenant: str) -> None:
        """Check that a tenant has a token left.

        Raises:
            ExhaustedError: It has none left.
        """
        rate = (await self._limits(tenant)).tokens_per_second
        if rate is not None:
            self._check(self._tokens, QuotaKind.TOKENS_PER_SECOND, tenant, rate, self._clock())

    def take_tokens(self, tenant: str, usage: TokenUsage) -> None:
        """Take the tokens of an answer from its tenant, which was checked before."""
        rate = self._last.get(tenant, UNLIMITED).tokens_per_second
        if rate is not None:
            self._tokens.take(tenant, usage.input_tokens + usage.generated_tokens, rate, self._clock())

    def forget(self, tenant: str) -> None:
        """Read the quotas of a tenant again, because they were just changed."""
        self._recent.forget(tenant)

    @property
    def tenants(self) -> frozenset[str]:
        """Ids of the tenants whose rates are kept."""
        return frozenset(self._last) | self._requests.keys | self._tokens.keys

    def forget_tenant(self, tenant: str) -> None:
        """Drop what is kept of a tenant."""
        self._recent.forget(tenant)
        self._last.pop(tenant, None)
        self._requests.forget(tenant)
        self._tokens.forget(tenant)

    async def _limits(self, tenant: str) -> Quotas:
        """Return the quotas in force; while the database is unavailable, those that were last read."""
        try:
            found = await self._recent.get(
                tenant, lambda: self._threads.run(tenant, READ_SECONDS, self._quotas.limits, tenant)
            )
        except UnavailableError:
            found = self._last.get(tenant, self._quotas.defaults)
        self._last[tenant] = found
        return found

    def _check(self, buckets: DebtBuckets, kind: QuotaKind, tenant: str, rate: float, now: float) -> None:
        wait_seconds = buckets.wait_seconds(tenant, rate, now)
        if wait_seconds <= 0:
            return
        noun = "requests" if kind is QuotaKind.REQUESTS_PER_SECOND else "tokens"
        raise exceeded(
            tenant,
            kind,
            rate,
            f"The {noun} of this second are used up",
            f"Try again in {max(wait_seconds, 0.1):.1f} s, send less at once, or ask an administrator for more.",
            retry_after=max(timedelta(seconds=wait_seconds), _SHORTEST_WAIT),
            metadata={
                "capacity": shown(capacity_of(rate)),
                "full_seconds": f"{buckets.full_seconds(tenant, rate, now):.3f}",
            },
        )
