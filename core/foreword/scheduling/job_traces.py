"""The traces of a worker: a span for each job, from its lease until it leaves the worker.

It begins a trace of its own, because a job may wait for hours and outlive the trace of the request that created it. A
link leads from the span to that request.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from foreword.errors import ForewordError
from foreword.storage.jobs.leases import Lease

if TYPE_CHECKING:
    from opentelemetry.trace import Link, Span, Tracer


class JobTraces:
    """The spans of the jobs at one worker. They hold neither texts nor the messages of errors.

    Args:
        tracer: Starts the spans; None to record nothing.
    """

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer
        self._spans: dict[int, Span] = {}

    @contextmanager
    def running(self, lease: Lease) -> Iterator[None]:
        """Record a span of a job until the block ends."""
        if self._tracer is None:
            yield
            return
        from opentelemetry.context import Context

        kind = lease.kind.value
        attributes: dict[str, str | int] = {
            "foreword.job.kind": kind,
            "foreword.job.id": lease.subject.id,
            "foreword.job.epoch": lease.epoch,
            "foreword.tenant": lease.tenant,
        }
        span = self._spans[lease.job] = self._tracer.start_span(
            f"job {kind}", context=Context(), attributes=attributes, links=_links(lease.traceparent)
        )
        if lease.epoch == 1 and lease.subject.start_time is not None:
            waited = lease.subject.start_time - lease.subject.create_time
            span.set_attribute("foreword.queue_seconds", waited.total_seconds())
        try:
            yield
        finally:
            self._spans.pop(lease.job).end()

    def ids(self, lease: Lease) -> dict[str, str]:
        """Return the `trace_id` of a job for its log lines; nothing if it has none."""
        span = self._spans.get(lease.job)
        if span is None or not span.get_span_context().is_valid:
            return {}
        return {"trace_id": f"{span.get_span_context().trace_id:032x}"}

    def ended(self, lease: Lease, outcome: str) -> None:
        """Add how a job leaves the worker; the outcomes are those of the metric `foreword_job_ends_total`."""
        span = self._spans.get(lease.job)
        if span is not None:
            span.set_attribute("foreword.job.outcome", outcome)

    def failed(self, lease: Lease, error: ForewordError) -> None:
        """Add why a job has failed, with the id of the log entry of a fault."""
        span = self._spans.get(lease.job)
        if span is None:
            return
        from opentelemetry.trace import StatusCode

        span.set_status(StatusCode.ERROR)
        span.set_attribute("error.type", error.reason)
        if "error_id" in error.metadata:
            span.set_attribute("foreword.error.id", error.metadata["error_id"])


def _links(traceparent: str | None) -> list[Link]:
    """Return the link to the request that created a job; none if it was not traced."""
    if traceparent is None:
        return []
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, get_current_span
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = TraceContextTextMapPropagator().extract({"traceparent": traceparent}, Context())
    creator = get_current_span(context).get_span_context()
    return [Link(creator)] if creator.is_valid else []
