"""Metrics of HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from foreword.observability.metrics.labels import LATENCY_BUCKETS

_GONE: Final = 499
"""Status of requests whose caller has gone before an answer, as nginx has it."""
_METHODS: Final = frozenset({"GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"})
_OTHER: Final = "other"


class HttpMetrics:
    """The requests of a process that offers HTTP, and its connections."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._duration = Histogram(
            "foreword_http_request_duration_seconds",
            "Time from the head of a request to the end of its response, streams as well.",
            ["route", "code"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._streams = Gauge(
            "foreword_http_open_streams", "Responses that are being sent in several parts.", registry=registry
        )
        self._connections = Gauge(
            "foreword_http_open_connections", "Open connections, without those that are refused.", registry=registry
        )
        self._refused = Counter(
            "foreword_http_refused_connections",
            "Connections that were refused, by the limit: that of their address, or that of all.",
            ["limit"],
            registry=registry,
        )
        for limit in ("address", "all"):  # at 0 from the start, so that rates know the first refusal
            self._refused.labels(limit)

    def watch(self, connections: Callable[[], float]) -> None:
        """Export the number of open connections at the time of a scrape."""
        self._connections.set_function(connections)

    def stream_begun(self) -> None:
        """Count a response in several parts as open."""
        self._streams.inc()

    def stream_ended(self) -> None:
        """Count a response in several parts as closed."""
        self._streams.dec()

    def connection_refused(self, limit: str) -> None:
        """Count a connection that was refused."""
        self._refused.labels(limit).inc()

    def ended(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            route: Path of the route with placeholders; empty if there is nothing at the address.
            status: Status of the response; 0 for none.
        """
        label = f"{method if method in _METHODS else _OTHER} {route}" if route else _OTHER
        self._duration.labels(label, str(status or _GONE)).observe(seconds)
