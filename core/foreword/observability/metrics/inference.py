"""Metrics of inference: what callers get, and what the engine does."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from foreword.observability.metrics.labels import COUNT_BUCKETS, LATENCY_BUCKETS, DeploymentLabels, remove_series

_TOKEN_BUCKETS = (0.0005, 0.001, 0.0025, *LATENCY_BUCKETS)


class InferenceMetrics:
    """The requests to the engine and their tokens, by tenant and deployment."""

    def __init__(self, registry: CollectorRegistry, labels: DeploymentLabels) -> None:
        self._requests = Counter(
            "foreword_inference_requests",
            "Requests to the engine, those of batches counted one by one. The outcome is ok, cancelled, error or "
            "shadow.",
            ["tenant", "deployment", "outcome"],
            registry=registry,
        )
        self._tokens = Counter(
            "foreword_tokens",
            "Tokens of answered requests: input, soft prompt and generated ones.",
            ["tenant", "deployment", "direction"],
            registry=registry,
        )
        self._labels = labels
        self._request_counts: dict[tuple[str, str, str], Counter] = {}
        self._token_counts: dict[tuple[str, str], tuple[Counter, Counter, Counter]] = {}

    def ended(self, *, tenant: str, deployment: str, outcome: str) -> None:
        """Count a request.

        Args:
            deployment: Serving name or id; empty for a model that was asked by its own name.
            outcome: `ok`, `cancelled`, `error`, or `shadow` for any of them in a shadow.
        """
        series = (*self._labels(tenant, deployment), outcome)
        count = self._request_counts.get(series)
        if count is None:
            count = self._request_counts[series] = self._requests.labels(*series)
        count.inc()

    def used(self, *, tenant: str, deployment: str, input: int, soft_prompt: int, generated: int) -> None:
        """Count the tokens of an answer."""
        series = self._labels(tenant, deployment)
        counts = self._token_counts.get(series)
        if counts is None:
            inputs, prompts, outputs = (
                self._tokens.labels(*series, direction) for direction in ("input", "soft_prompt", "generated")
            )
            counts = self._token_counts[series] = inputs, prompts, outputs
        for count, tokens in zip(counts, (input, soft_prompt, generated), strict=True):
            if tokens:
                count.inc(tokens)

    def forget_tenant(self, tenant: str) -> None:
        """Remove the series of a tenant."""
        for request_series in [series for series in self._request_counts if series[0] == tenant]:
            self._request_counts.pop(request_series, None)
        for token_series in [series for series in self._token_counts if series[0] == tenant]:
            self._token_counts.pop(token_series, None)
        remove_series(self._requests, tenant)
        remove_series(self._tokens, tenant)


class EngineMetrics:
    """What the engine measures, by base model. Its methods are called on the engine's thread; see `EngineMeter`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._queued = Histogram(
            "foreword_queue_seconds",
            "Time from the arrival of a request at the engine until it is in a batch.",
            ["base_model"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._first_token = Histogram(
            "foreword_time_to_first_token_seconds",
            "Time from the arrival of a request at the engine until its first token is generated.",
            ["base_model"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._output_token = Histogram(
            "foreword_time_per_output_token_seconds",
            "Mean time of a generated token after the first one, of each answer.",
            ["base_model"],
            buckets=_TOKEN_BUCKETS,
            registry=registry,
        )
        self._batch_size = Histogram(
            "foreword_batch_size",
            "Rows that are computed together: decode for text, score for labels.",
            ["base_model", "work"],
            buckets=COUNT_BUCKETS,
            registry=registry,
        )
        self._prompts = Histogram(
            "foreword_prompts_per_batch",
            "Different tuned models in a batch.",
            ["base_model", "work"],
            buckets=COUNT_BUCKETS,
            registry=registry,
        )

    def begun(self, base_model: str, waited_seconds: float) -> None:
        """Record that a request has entered a batch."""
        self._queued.labels(base_model).observe(waited_seconds)

    def first_token(self, base_model: str, seconds: float) -> None:
        """Record the time to the first token of an answer."""
        self._first_token.labels(base_model).observe(seconds)

    def generated(self, base_model: str, seconds_per_token: float) -> None:
        """Record the mean time per token of an answer, without the first one."""
        self._output_token.labels(base_model).observe(seconds_per_token)

    def computed(self, base_model: str, work: str, *, rows: int, adapters: int) -> None:
        """Record a batch.

        Args:
            work: `decode` or `score`.
            adapters: Number of different adapters.
        """
        self._batch_size.labels(base_model, work).observe(rows)
        self._prompts.labels(base_model, work).observe(adapters)
