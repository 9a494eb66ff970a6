"""Metrics of captured requests and of feedback."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from foreword.observability.metrics.labels import DeploymentLabels, remove_series


class CaptureMetrics:
    """The requests that were to be captured, by what became of them, and what was said about answers."""

    def __init__(self, registry: CollectorRegistry, labels: DeploymentLabels) -> None:
        self._requests = Counter(
            "foreword_captured_requests",
            "Requests that belong to the captured share of their deployment. The outcome is stored, repeated, off, or "
            "for those that were dropped busy, full, late, too_long or failed.",
            ["tenant", "deployment", "outcome"],
            registry=registry,
        )
        self._feedback = Counter(
            "foreword_feedback",
            "Feedback about answers, also when it is submitted again. The answer was correct: yes, no or unknown.",
            ["tenant", "deployment", "correct"],
            registry=registry,
        )
        self._labels = labels

    def captured(self, *, tenant: str, deployment: str, outcome: str, number: int) -> None:
        """Count requests.

        Args:
            deployment: Serving name.
        """
        self._requests.labels(*self._labels(tenant, deployment), outcome).inc(number)

    def judged(self, *, tenant: str, deployment: str, correct: bool | None) -> None:
        """Count feedback.

        Args:
            deployment: Serving name.
            correct: Whether the answer was right; None if that is unknown.
        """
        shown = {True: "yes", False: "no", None: "unknown"}[correct]
        self._feedback.labels(*self._labels(tenant, deployment), shown).inc()

    def forget_tenant(self, tenant: str) -> None:
        """Remove the series of a tenant."""
        remove_series(self._requests, tenant)
        remove_series(self._feedback, tenant)
