"""Metrics of database transactions."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from foreword.observability.metrics.labels import LATENCY_BUCKETS


class DatabaseMetrics:
    """The duration of transactions, and the outages of the database. It may be called on any thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        duration = Histogram(
            "foreword_database_transaction_seconds",
            "Time from the begin of a transaction to its end.",
            ["use"],
            buckets=(0.001, *LATENCY_BUCKETS),
            registry=registry,
        )
        failed = Counter(
            "foreword_database_unavailable",
            "Transactions that failed because the database was not available.",
            ["use"],
            registry=registry,
        )
        self._duration = {use: duration.labels(use) for use in ("read", "write")}
        self._failed = {use: failed.labels(use) for use in ("read", "write")}

    def ended(self, use: str, seconds: float, available: bool) -> None:
        """Count a transaction.

        Args:
            use: `read` or `write`.
            available: Whether the database was available.
        """
        self._duration[use].observe(seconds)
        if not available:
            self._failed[use].inc()
