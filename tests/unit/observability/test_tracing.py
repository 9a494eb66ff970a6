"""The export of traces, to a collector on loopback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from foreword.errors import FailedPreconditionError
from foreword.observability.tracing import Tracing

pytest.importorskip("opentelemetry.sdk", reason="needs the extra tracing")


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What a collector has received, to which the environment points."""
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

    class Collector(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:
            requests.append(request)
            return trace_service_pb2.ExportTraceServiceResponse()

    requests: list[Any] = []
    server = grpc.server(ThreadPoolExecutor(1))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Collector(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    yield requests
    server.stop(None).wait()


def names_of(received: list[Any]) -> tuple[dict[str, str], list[str]]:
    """Return the resource and the names of the spans that were received."""
    [export] = [item for request in received for item in request.resource_spans]
    resource = {item.key: item.value.string_value for item in export.resource.attributes}
    return resource, [span.name for scope in export.scope_spans for span in scope.spans]


def test_spans_reach_the_collector_before_the_process_ends(received: list[Any]) -> None:
    tracing = Tracing(service="foreword-server", version="1.2.3")
    tracing.tracer.start_span("work").end()
    tracing.stop()

    resource, spans = names_of(received)
    assert spans == ["work"]
    assert (resource["service.name"], resource["service.version"]) == ("foreword-server", "1.2.3")


def test_the_standard_variables_name_the_service(received: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "tuning")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    tracing = Tracing(service="foreword-server", version="1.2.3")
    tracing.tracer.start_span("work").end()
    tracing.stop()

    resource, _ = names_of(received)
    assert (resource["service.name"], resource["deployment.environment.name"]) == ("tuning", "test")


def test_the_standard_variables_choose_what_is_recorded(received: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    tracing = Tracing(service="foreword-server", version="1.2.3")
    tracing.tracer.start_span("work").end()
    tracing.stop()

    assert received == []


def test_without_the_extra_the_error_has_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)

    with pytest.raises(FailedPreconditionError, match=r"FOREWORD_TRACES .* `pip install .*tracing.*`") as raised:
        Tracing(service="foreword-server", version="1.2.3")
    assert raised.value.reason == "TRACING_NOT_INSTALLED"


def test_another_protocol_than_grpc_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")

    with pytest.raises(FailedPreconditionError, match="OTEL_EXPORTER_OTLP_PROTOCOL is 'http/protobuf'"):
        Tracing(service="foreword-server", version="1.2.3")


def test_nothing_is_imported_unless_traces_are_on() -> None:
    code = (
        "import sys, foreword.client, foreword.server.app, foreword.scheduling.process, foreword.cli.serve;"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
