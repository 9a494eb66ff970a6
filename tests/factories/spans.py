"""Spans that are kept in memory instead of exported."""

from __future__ import annotations

from typing import Any


class RecordedSpans:
    """The finished spans of one process. OpenTelemetry is imported only here, so that other tests run without it."""

    def __init__(self) -> None:
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("foreword")

    def server_traces(self) -> Any:
        """Return the traces of a server, whose spans are recorded here."""
        from foreword.server.traces.server_traces import ServerTraces

        return ServerTraces(self.tracer)

    def named(self, prefix: str) -> list[Any]:
        """Return the spans whose names begin with `prefix`, in the order of their ends."""
        return [span for span in self.all() if span.name.startswith(prefix)]

    def all(self) -> list[Any]:
        """Return all spans, in the order of their ends."""
        return list(self._exporter.get_finished_spans())

    def clear(self) -> None:
        """Forget the spans so far."""
        self._exporter.clear()
