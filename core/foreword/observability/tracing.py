"""Export of traces with OpenTelemetry, which is imported only if traces are turned on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from foreword.errors import FailedPreconditionError
from foreword.installation import install_command

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

SCOPE: Final = "foreword"
"""The name of the instrumentation scope of all spans."""
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


class Tracing:
    """The traces of one process, exported in batches by a thread.

    The SDK reads the standard variables `OTEL_*`.

    Args:
        service: The `service.name` of the spans, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES sets one.
        version: Version of Foreword.

    Attributes:
        tracer: Starts spans.

    Raises:
        FailedPreconditionError: OpenTelemetry is not installed, or a variable asks for another protocol than gRPC.
    """

    def __init__(self, *, service: str, version: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import OTELResourceDetector, Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ModuleNotFoundError as missing:
            command = install_command("server", "tracing")
            raise FailedPreconditionError(
                f"FOREWORD_TRACES needs OpenTelemetry, and {missing.name} is not installed. Install it with "
                f"`{command}`, or set FOREWORD_TRACES=false.",
                reason="TRACING_NOT_INSTALLED",
            ) from missing
        _check_protocol()
        resource = Resource.create({"service.name": service, "service.version": version})
        # The variables again, because attributes in the code have precedence over them.
        self._provider: TracerProvider = TracerProvider(resource=resource.merge(OTELResourceDetector().detect()))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self.tracer: Tracer = self._provider.get_tracer(SCOPE, version)

    def stop(self) -> None:
        """Export the last spans and end the thread. It may block for seconds if the collector does not answer."""
        self._provider.shutdown()


def _check_protocol() -> None:
    """Refuse a protocol that the exporter does not have, instead of sending gRPC to a port for something else."""
    name = next((name for name in _PROTOCOLS if os.environ.get(name)), None)
    if name is not None and os.environ[name] != "grpc":
        raise FailedPreconditionError(
            f"{name} is {os.environ[name][:40]!r}, but Foreword exports traces over gRPC only. Set it to grpc, and the "
            "endpoint to the collector's gRPC port (4317 by default).",
            reason="TRACING_PROTOCOL",
        )
