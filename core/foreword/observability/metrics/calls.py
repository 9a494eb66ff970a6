"""Metrics of RPCs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from foreword.observability.metrics.labels import (
    LATENCY_BUCKETS,
    MOST_REASONS,
    MOST_TENANTS,
    BoundedLabel,
    remove_series,
)

_BATCH: Final = 100
"""Calls that are counted together. Alone, a call would find none of the library's code and data in the processor's
cache and take ten times as long, which is 3 % of the smallest request."""


class _Ended(NamedTuple):
    rpc: str
    code: str
    tenant: str
    reason: str
    seconds: float
    trace_id: str


class CallMetrics(Collector):
    """The duration and outcome of every RPC. It may be called on any thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._waiting: deque[_Ended] = deque()
        registry.register(self)  # before the metrics, so that a scrape counts what waits before it reads them
        self._duration = Histogram(
            "foreword_request_duration_seconds",
            "Time from the arrival of a request to its end.",
            ["rpc", "code"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._of_tenants = Counter(
            "foreword_tenant_requests", "Requests of a tenant, by status code.", ["tenant", "code"], registry=registry
        )
        self._rejected = Counter(
            "foreword_rejected", "Requests that failed, by the reason of the error.", ["reason"], registry=registry
        )
        self._tenant = BoundedLabel(MOST_TENANTS)
        self._reason = BoundedLabel(MOST_REASONS)
        # Series that exist are found by one look-up; `labels` takes as long as the observation itself.
        self._durations: dict[tuple[str, str], Histogram] = {}
        self._tenant_counts: dict[tuple[str, str], Counter] = {}

    def ended(self, *, rpc: str, code: str, tenant: str, reason: str, seconds: float, trace_id: str = "") -> None:
        """Count an RPC.

        Args:
            rpc: `Service/Method`.
            code: Name of the status code.
            tenant: Id of the tenant; empty for a caller without a valid key.
            reason: Reason of the error; empty if the RPC did not fail.
            trace_id: Id of its trace, which becomes an exemplar of the duration; empty for none.
        """
        self._waiting.append(_Ended(rpc, code, tenant, reason, seconds, trace_id))
        if len(self._waiting) >= _BATCH:
            self._count_waiting()

    @property
    def tenants(self) -> frozenset[str]:
        """Ids of the tenants that have series."""
        return self._tenant.values

    def forget_tenant(self, tenant: str) -> None:
        """Remove the series of a tenant."""
        self._count_waiting()
        self._tenant.forget(tenant)
        for owner in [owner for owner in self._tenant_counts if owner[0] == tenant]:
            self._tenant_counts.pop(owner, None)
        remove_series(self._of_tenants, tenant)

    def describe(self) -> Iterable[Metric]:
        """Return nothing, because the metrics describe themselves."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Count what waits, and return nothing, because the metrics are collected themselves."""
        self._count_waiting()
        return ()

    def _count_waiting(self) -> None:
        while True:
            try:
                ended = self._waiting.popleft()
            except IndexError:  # another thread may count as well
                return
            self._count(ended)

    def _count(self, ended: _Ended) -> None:
        rpc, code, tenant, reason, seconds, trace_id = ended
        series = (rpc, code)
        duration = self._durations.get(series)
        if duration is None:
            duration = self._durations[series] = self._duration.labels(*series)
        duration.observe(seconds, {"trace_id": trace_id} if trace_id else None)
        if tenant:
            owner = (self._tenant(tenant), code)
            count = self._tenant_counts.get(owner)
            if count is None:
                count = self._tenant_counts[owner] = self._of_tenants.labels(*owner)
            count.inc()
        if reason:
            self._rejected.labels(self._reason(reason)).inc()
