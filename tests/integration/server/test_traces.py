"""The traces of requests over real gRPC, from the client to the engine."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import grpc
import pytest
import structlog
from structlog.testing import capture_logs

from factories.api import create_experiment, deployed, refused, upload
from factories.queued_runs import finish_queue
from factories.servers import RunningServer
from factories.spans import RecordedSpans
from factories.waiting import PATIENCE_SECONDS, wait_until
from foreword.client import AsyncClient, Client
from foreword.scheduling.job_traces import JobTraces
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.audit_log import AuditLog
from foreword.v1 import inference_service_pb2 as inference
from foreword.v1 import tenant_service_pb2

pytest.importorskip("opentelemetry.sdk", reason="needs the extra tracing")

BASE = "baseModels/foreword--starter"
WHO = tenant_service_pb2.WhoAmIRequest()
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
RPC = "foreword.v1.InferenceService/"


@pytest.fixture(scope="module")
def server(start_server: Any) -> RunningServer:
    return start_server(traces=True, metrics=True, metrics_port=0)


@pytest.fixture
def spans(server: RunningServer) -> RecordedSpans:
    server.spans.clear()
    return server.spans


def ended(spans: RecordedSpans, prefix: str, count: int = 1) -> list[Any]:
    """Wait for spans: that of an RPC ends after its answer was sent."""
    wait_until(lambda: len(spans.named(prefix)) == count)
    return spans.named(prefix)


def trace_id(span: Any) -> str:
    return f"{span.context.trace_id:032x}"


def test_one_trace_leads_from_the_client_to_the_engine(server: RunningServer, spans: RecordedSpans) -> None:
    deployed(server, server.stubs(), "traced")
    spans.clear()
    with Client(server.endpoint, api_key="dev") as client, spans.tracer.start_as_current_span("caller") as caller:
        text = "My secret text"
        answer = client.generate("traced", text, max_new_tokens=4)
        labels = client.classify(BASE, text, labels=["secret label", "other label"])

    [rpc], [work] = ended(spans, RPC + "Generate"), ended(spans, "text_completion ")
    assert trace_id(work) == trace_id(rpc) == trace_id(caller)
    assert (work.parent.span_id, rpc.parent.span_id) == (rpc.context.span_id, caller.context.span_id)
    facts = dict(rpc.attributes)
    assert facts.pop("foreword.request_id")
    assert facts == {
        "rpc.system.name": "grpc",
        "rpc.method": "foreword.v1.InferenceService/Generate",
        "rpc.response.status_code": "OK",
        "foreword.tenant": "dev",
    }
    facts = dict(work.attributes)
    assert 0 <= facts.pop("foreword.queue_seconds") < PATIENCE_SECONDS
    assert facts.pop("gen_ai.response.model").startswith("tenants/dev/tunedModels/")
    assert facts == {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.provider.name": "foreword",
        "gen_ai.request.model": "traced",
        "gen_ai.request.max_tokens": 4,
        "gen_ai.request.stream": False,
        "gen_ai.response.finish_reasons": (answer.stop_reason.value,),
        "gen_ai.usage.input_tokens": answer.usage.input_tokens,
        "gen_ai.usage.output_tokens": answer.usage.generated_tokens,
        "foreword.usage.soft_prompt_tokens": 8,
        "foreword.base_model": "foreword--starter",
        "foreword.shadow": False,
    }
    [scored] = ended(spans, "classify ")
    assert trace_id(scored) == trace_id(caller)
    assert scored.attributes["gen_ai.usage.input_tokens"] == labels.usage.input_tokens
    assert scored.attributes["gen_ai.response.model"] == scored.attributes["gen_ai.request.model"] == BASE
    written = json.dumps([json.loads(span.to_json()) for span in spans.all()])
    assert "secret" not in written
    assert answer.text not in written


async def test_the_stream_of_an_asynchronous_client_has_one_trace(server: RunningServer, spans: RecordedSpans) -> None:
    async with AsyncClient(server.endpoint, api_key="dev") as client:
        with spans.tracer.start_as_current_span("caller") as caller:
            async for _ in client.stream_generate(BASE, "Text", max_new_tokens=2):
                pass

    [rpc], [work] = ended(spans, RPC + "StreamGenerate"), ended(spans, "text_completion ")
    assert trace_id(work) == trace_id(rpc) == trace_id(caller)
    assert work.attributes["gen_ai.request.stream"] is True


def test_the_traceparent_of_another_client_is_continued(server: RunningServer, spans: RecordedSpans) -> None:
    request = inference.BatchGenerateRequest(
        model=BASE, requests=[{"text": "One"}, {"text": "Two"}], parameters={"max_new_tokens": 1}
    )
    metadata = [("traceparent", f"00-{TRACE}-{PARENT}-01")]
    server.stubs().inference.BatchGenerate(request, metadata=metadata)

    [rpc] = ended(spans, RPC)
    assert (trace_id(rpc), f"{rpc.parent.span_id:016x}") == (TRACE, PARENT)
    assert {work.parent.span_id for work in ended(spans, "text_completion ", 2)} == {rpc.context.span_id}


def test_a_client_decides_that_its_trace_is_not_recorded(server: RunningServer, spans: RecordedSpans) -> None:
    metadata = [("traceparent", f"00-{TRACE}-{PARENT}-00")]
    server.stubs().tenants.WhoAmI(WHO, metadata=metadata)
    server.stubs().tenants.WhoAmI(WHO)

    assert [trace_id(span) == TRACE for span in ended(spans, "foreword.v1.TenantService/WhoAmI")] == [False]


@pytest.mark.parametrize("value", ["", "nonsense", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01" * 50])
def test_an_invalid_traceparent_begins_a_new_trace(value: str, server: RunningServer, spans: RecordedSpans) -> None:
    server.stubs().tenants.WhoAmI(WHO, metadata=[("traceparent", value)])

    [rpc] = ended(spans, "foreword.v1.TenantService/WhoAmI")
    assert rpc.parent is None


def test_a_refused_call_has_its_reason_and_is_no_error_of_the_server(
    server: RunningServer, spans: RecordedSpans
) -> None:
    refused(server.stubs("fw_nobody_wrong").tenants.WhoAmI, WHO)

    [rpc] = ended(spans, "foreword.v1.TenantService/WhoAmI")
    assert rpc.attributes["rpc.response.status_code"] == "UNAUTHENTICATED"
    assert rpc.attributes["foreword.error.reason"] == "API_KEY_INVALID"
    assert rpc.status.is_unset
    assert "fw_nobody" not in rpc.to_json()


def test_answer_span_and_log_of_a_fault_have_the_same_error_id(
    server: RunningServer, spans: RecordedSpans, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a secret text")

    monkeypatch.setattr(server.engine, "_submit", fail)
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        failure = refused(server.stubs().inference.Generate, inference.GenerateRequest(model=BASE, text="Text"))
        [rpc], [work] = ended(spans, RPC), ended(spans, "text_completion ")

    [line] = [line for line in logs if line["event"] == "request_failed"]
    assert failure.code is grpc.StatusCode.INTERNAL
    assert rpc.attributes["foreword.error.id"] == line["error_id"] == failure.metadata["error_id"]
    assert line["trace_id"] == trace_id(rpc)
    assert line["request_id"] == rpc.attributes["foreword.request_id"]
    assert rpc.attributes["error.type"] == "INTERNAL"
    assert work.attributes["error.type"] == "RuntimeError"
    assert not rpc.status.is_ok
    assert not work.status.is_ok
    assert "secret" not in rpc.to_json() + work.to_json()


def test_a_duration_has_the_id_of_a_trace_as_exemplar(server: RunningServer, spans: RecordedSpans) -> None:
    server.stubs().tenants.WhoAmI(WHO, metadata=[("traceparent", f"00-{TRACE}-{PARENT}-01")])
    ended(spans, "foreword.v1.TenantService/WhoAmI")
    page = Request(
        f"http://127.0.0.1:{server.metrics.port}/metrics", headers={"Accept": "application/openmetrics-text"}
    )
    with build_opener(ProxyHandler({})).open(page, timeout=30) as answer:
        lines = answer.read().decode().splitlines()

    found = [line for line in lines if "TenantService/WhoAmI" in line and f'# {{trace_id="{TRACE}"}}' in line]
    assert all(line.startswith("foreword_request_duration_seconds_bucket") for line in found)
    assert found


def test_the_span_of_a_job_is_linked_to_the_call_that_created_it(server: RunningServer, spans: RecordedSpans) -> None:
    stubs = server.stubs()
    experiment = create_experiment(stubs, upload(stubs).name)
    [rpc] = ended(spans, "foreword.v1.TuneExperimentService/CreateTuneExperiment")
    try:
        lease = server.queue.lease("traced", timedelta(seconds=60))
        assert lease is not None
        assert lease.name == experiment.name
        with JobTraces(spans.tracer).running(lease):
            pass
        server.queue.release(lease)
    finally:
        finish_queue(server)

    [job] = spans.named("job tune")
    assert [(link.context.trace_id, link.context.span_id) for link in job.links] == [
        (rpc.context.trace_id, rpc.context.span_id)
    ]
    assert trace_id(job) != trace_id(rpc)


def test_the_audit_record_of_a_change_has_the_trace(server: RunningServer, spans: RecordedSpans) -> None:
    with Client(server.endpoint, api_key="dev") as client:
        client.create_space("traced-change")

    [rpc] = ended(spans, "foreword.v1.DeploymentService/CreateSpace")
    (record,) = AuditLog(server.database).list("dev", ListRequest(filter='resource : "traced-change"')).items
    assert record.trace_id == trace_id(rpc)
