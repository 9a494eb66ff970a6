"""The trace of the running code as W3C Trace Context, for the next process that works on the same thing."""

from __future__ import annotations

import sys
from typing import Final

_TRACEPARENT: Final = "traceparent"


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


def current_traceparent() -> str | None:
    """Return the W3C `traceparent` of the current OpenTelemetry span; None without one."""
    return dict(trace_metadata()).get(_TRACEPARENT)
