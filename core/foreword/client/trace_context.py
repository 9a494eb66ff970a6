"""Propagation of the caller's trace, if the program that uses the client has one."""

from __future__ import annotations

import sys


def trace_metadata() -> list[tuple[str, str]]:
    """Return the current OpenTelemetry span as W3C `traceparent` and `tracestate`; nothing without one.

    The client does not need OpenTelemetry: a program with a span has imported it already, and in any other one this
    costs a look-up.
    """
    if "opentelemetry.trace" not in sys.modules:
        return []
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return list(carrier.items())
