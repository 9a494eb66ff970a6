"""The span of each RPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import grpc
import structlog
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import (
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from foreword.inference.interfaces import EngineClient
from foreword.server.calls.interceptors import Call
from foreword.server.traces.traced_engine import TracedEngine

_FAULTS: Final = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""The codes that are errors of a server; https://opentelemetry.io/docs/specs/semconv/rpc/grpc."""


class ServerTraces:
    """The traces of one server. They continue the trace of a client that sends W3C `traceparent`."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._propagator = TraceContextTextMapPropagator()

    @asynccontextmanager
    async def layer(self, call: Call) -> AsyncIterator[None]:
        """Run an RPC within its span, and add the ids of trace and span to its log lines. The outermost layer."""
        method = call.method.removeprefix("/")
        span = self._tracer.start_span(
            method,
            context=self._propagator.extract(call.metadata, Context()),
            kind=SpanKind.SERVER,
            attributes={"rpc.system.name": "grpc", "rpc.method": method},
        )
        token = attach(set_span_in_context(span, Context()))
        context, ids = span.get_span_context(), {}
        if context.is_valid:  # not with OTEL_SDK_DISABLED
            ids = {"trace_id": format_trace_id(context.trace_id), "span_id": format_span_id(context.span_id)}
        if span.is_recording() and context.trace_flags.sampled:
            call.record.trace_id = ids["trace_id"]
        try:
            with structlog.contextvars.bound_contextvars(**ids):
                yield
        finally:
            detach(token)
            span.end()

    def ended(self, call: Call, code: grpc.StatusCode, _seconds: float) -> None:
        """Add to the span of a call how it has ended."""
        span, record = get_current_span(), call.record
        if not span.is_recording():
            return
        span.set_attributes({"rpc.response.status_code": code.name, "foreword.request_id": record.request_id})
        if record.tenant:
            span.set_attribute("foreword.tenant", record.tenant)
        if record.reason:
            span.set_attribute("foreword.error.reason", record.reason)
        if record.error_id:
            span.set_attribute("foreword.error.id", record.error_id)
        if code in _FAULTS:
            span.set_attribute("error.type", code.name)
            span.set_status(Status(StatusCode.ERROR))

    def traced(self, engine: EngineClient) -> EngineClient:
        """Return the engine, with a span for each request for text or labels."""
        return TracedEngine(engine, self._tracer)
