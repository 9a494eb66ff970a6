"""The span of each request, which is the parent of the spans of its calls of the service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.requests import Request

_METHODS: Final = frozenset({"GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"})
_FIRST_FAULT: Final = 500


class HttpTraces:
    """The traces of a process that offers HTTP. They continue the trace of a caller that sends W3C `traceparent`.

    Names of spans and attributes are those of https://opentelemetry.io/docs/specs/semconv/http/http-spans.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, request: Request) -> Iterator[Span]:
        """Run the block within the span of a request, and add the ids of trace and span to its log lines."""
        method = request.method if request.method in _METHODS else "_OTHER"
        attributes = {
            "http.request.method": method,
            "url.scheme": request.url.scheme,
            "foreword.request_id": request.state.request_id,
        }
        carrier = {name: request.headers[name] for name in self._propagator.fields if name in request.headers}
        span = self._tracer.start_span(
            method,
            context=self._propagator.extract(carrier, Context()),
            kind=SpanKind.SERVER,
            attributes=attributes,
        )
        token = attach(set_span_in_context(span, Context()))
        context, ids = span.get_span_context(), {}
        if context.is_valid:  # not with OTEL_SDK_DISABLED
            ids = {"trace_id": format_trace_id(context.trace_id), "span_id": format_span_id(context.span_id)}
        try:
            with structlog.contextvars.bound_contextvars(**ids):
                yield span
        finally:
            detach(token)
            span.end()

    @staticmethod
    def answered(span: Span, *, method: str, route: str, status: int, error_id: str) -> None:
        """Add to the span of a request how it was answered.

        Args:
            route: Path of the route with placeholders; empty if there is nothing at the address.
            status: Status of the response; 0 if the caller has gone before.
            error_id: Id of the log entry of an unexpected error; empty for none.
        """
        if route:
            span.set_attribute("http.route", route)
            if method in _METHODS:
                span.update_name(f"{method} {route}")
        if status:
            span.set_attribute("http.response.status_code", status)
        if error_id:
            span.set_attribute("foreword.error.id", error_id)
        if status >= _FIRST_FAULT:
            span.set_attribute("error.type", str(status))
            span.set_status(Status(StatusCode.ERROR))
