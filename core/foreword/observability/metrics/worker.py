"""Metrics of a worker: its jobs, their updates and checkpoints, and what tenants are charged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from foreword.observability.metrics.labels import (
    COUNT_BUCKETS,
    LATENCY_BUCKETS,
    MOST_TENANTS,
    BoundedLabel,
    remove_series,
)

_WAIT_BUCKETS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0)
_SECONDS_PER_HOUR = 3600.0


class WorkerMetrics:
    """The metrics of one worker. They may be counted on any thread.

    Args:
        registry: Default: a registry that nobody reads.
        clock: Clock of monotonic time in seconds.
    """

    def __init__(
        self, registry: CollectorRegistry | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        registry = registry or CollectorRegistry()
        self._clock = clock
        self._lock = threading.Lock()
        self._checkpointed: dict[int, float] = {}
        self._tenant = BoundedLabel(MOST_TENANTS)
        self._running = Gauge("foreword_running_jobs", "Jobs at this worker, by kind.", ["kind"], registry=registry)
        self._wait = Histogram(
            "foreword_queue_wait_seconds",
            "Time from the creation of a job until a worker begins it.",
            ["kind"],
            buckets=_WAIT_BUCKETS,
            registry=registry,
        )
        self._resumes = Counter(
            "foreword_resumes", "Jobs that this worker has continued after another lease.", ["kind"], registry=registry
        )
        self._ended = Counter(
            "foreword_job_ends",
            "Jobs that left this worker, by the way they left: succeeded, failed, cancelled, yielded, given_back, "
            "paused, put_off or lost.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._step = Histogram(
            "foreword_step_seconds",
            "Time of an update of a run; of passes with rows of several runs, its share.",
            ["base_model"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._examples = Counter(
            "foreword_trained_examples", "Rows in the updates of runs.", ["base_model"], registry=registry
        )
        self._loss = Gauge(
            "foreword_loss", "Training loss of the last update, in nats per token.", ["task"], registry=registry
        )
        self._together = Histogram(
            "foreword_jobs_per_step",
            "Runs that make passes together, counted at each pass.",
            ["base_model"],
            buckets=COUNT_BUCKETS,
            registry=registry,
        )
        self._checkpoint = Histogram(
            "foreword_checkpoint_seconds",
            "Time to write a checkpoint.",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._unwritten = Counter(
            "foreword_checkpoint_failures",
            "Checkpoints that could not be written because the store was not available.",
            registry=registry,
        )
        age = Gauge(
            "foreword_checkpoint_age_seconds",
            "Greatest time since the last checkpoint, or the start, of the runs that are tuned; 0 without runs.",
            registry=registry,
        )
        age.set_function(self._greatest_age)
        self._charged = Counter(
            "foreword_capacity_unit_hours",
            "Capacity unit hours that tenants were charged for their jobs.",
            ["tenant", "kind"],
            registry=registry,
        )

    @contextmanager
    def running(self, kind: str, job: int) -> Iterator[None]:
        """Count a job as running until the block ends.

        Args:
            job: Key of the job.
        """
        gauge = self._running.labels(kind)
        gauge.inc()
        try:
            yield
        finally:
            gauge.dec()
            with self._lock:
                self._checkpointed.pop(job, None)

    def begun(self, kind: str, wait_seconds: float) -> None:
        """Record that a job has begun for the first time, and how long it has waited."""
        self._wait.labels(kind).observe(max(0.0, wait_seconds))

    def resumed(self, kind: str) -> None:
        """Count a job that was begun before, by this worker or another one."""
        self._resumes.labels(kind).inc()

    def ended(self, kind: str, outcome: str) -> None:
        """Count a job that leaves the worker."""
        self._ended.labels(kind, outcome).inc()

    def passed(self, base_model: str, runs: int) -> None:
        """Record the number of runs that make a pass together."""
        self._together.labels(base_model).observe(runs)

    def updated(self, base_model: str, task: str, *, seconds: float, rows: int, loss: float) -> None:
        """Record an update of a run."""
        self._step.labels(base_model).observe(seconds)
        self._examples.labels(base_model).inc(rows)
        self._loss.labels(task).set(loss)

    def tuning_begun(self, job: int) -> None:
        """Begin to count the age of the newest checkpoint of a run."""
        with self._lock:
            self._checkpointed[job] = self._clock()

    def checkpoint_written(self, job: int, seconds: float) -> None:
        """Record a checkpoint and the time that it took to write it."""
        self._checkpoint.observe(seconds)
        with self._lock:
            if job in self._checkpointed:
                self._checkpointed[job] = self._clock()

    def checkpoint_failed(self) -> None:
        """Count a checkpoint that could not be written."""
        self._unwritten.inc()

    def charged(self, tenant: str, kind: str, seconds: float) -> None:
        """Count what a tenant is charged for.

        Args:
            seconds: Compute time.
        """
        self._charged.labels(self._tenant(tenant), kind).inc(max(0.0, seconds) / _SECONDS_PER_HOUR)

    @property
    def tenants(self) -> frozenset[str]:
        """Ids of the tenants that have series."""
        return self._tenant.values

    def forget_tenant(self, tenant: str) -> None:
        """Remove the series of a tenant."""
        self._tenant.forget(tenant)
        remove_series(self._charged, tenant)

    def _greatest_age(self) -> float:
        with self._lock:
            return self._clock() - min(self._checkpointed.values()) if self._checkpointed else 0.0
