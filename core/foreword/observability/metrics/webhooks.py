"""Metrics of the deliveries of events to webhooks."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram

from foreword.observability.metrics.labels import LATENCY_BUCKETS


class WebhookMetrics:
    """Attempts to deliver events, and what followed from them.

    Args:
        outcomes: All outcomes of attempts; they are exported from the start, so that rates begin at 0.
    """

    def __init__(self, registry: CollectorRegistry, *, outcomes: Iterable[str]) -> None:
        self._attempts = Histogram(
            "foreword_webhook_attempt_seconds",
            "Time of the attempts to deliver an event, by the outcome: delivered, or the problem.",
            ["outcome"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._given_up = Counter(
            "foreword_webhook_events_given_up", "Events that were not delivered in time.", registry=registry
        )
        for outcome in outcomes:
            self._attempts.labels(outcome)

    def attempted(self, *, outcome: str, seconds: float, given_up: bool) -> None:
        """Count an attempt.

        Args:
            outcome: `delivered`, or the problem.
            given_up: Whether it was the last one, and in vain.
        """
        self._attempts.labels(outcome).observe(seconds)
        if given_up:
            self._given_up.inc()
