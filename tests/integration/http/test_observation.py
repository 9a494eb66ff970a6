"""Metrics and traces of the process that offers HTTP."""

from __future__ import annotations

import json
import socket

import pytest

from factories.http import RunningHttp, running_http
from factories.scrapes import Scrape, scrape
from factories.servers import RunningServer, ServerFactory
from factories.spans import RecordedSpans
from factories.waiting import wait_until

BASE = "baseModels/foreword--starter"
CHAT = "/v1/chat/completions"
BODY = {"model": BASE, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
REQUESTS = "foreword_http_request_duration_seconds_count"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def scraped(http: RunningHttp) -> Scrape:
    wait_until(lambda: http.metrics_port is not None)
    return scrape(http.metrics_port)


def test_requests_are_counted_by_route_and_status(server: RunningServer):
    with running_http(server, metrics=True, http_metrics_port=0) as http:
        http.send("POST", CHAT, BODY)
        http.send("POST", CHAT, {**BODY, "stream": True})
        http.refused("POST", CHAT, {**BODY, "n": 0})
        http.refused("GET", "/v1/models/a-secret-name", key="x")
        assert http.send("GET", "/a-secret-address").status == 404
        http.refused("BREW", "/v1/models")
        wait_until(lambda: sum(scraped(http).value(REQUESTS, code=code) for code in ("404", "405")) == 2)
        found = scraped(http)

    assert found.value(REQUESTS, route=f"POST {CHAT}", code="200") == 2
    assert found.value(REQUESTS, route=f"POST {CHAT}", code="400") == 1
    assert found.value(REQUESTS, route="GET /v1/models/{model:path}", code="401") == 1
    assert found.value(REQUESTS, route="other", code="404") == 1
    assert "secret" not in found.text
    assert "BREW" not in found.text
    assert found.value("process_resident_memory_bytes") > 0


def test_open_connections_and_streams_and_refusals_are_exported(server: RunningServer):
    settings = {"metrics": True, "http_metrics_port": 0, "http_max_connections_per_address": 2}
    content = json.dumps({**BODY, "max_tokens": 480, "temperature": 2, "n": 4, "seed": 1, "stream": True}).encode()
    with running_http(server, **settings) as http:
        address = ("127.0.0.1", http.port)
        with socket.create_connection(address, 30), socket.create_connection(address, 30) as streaming:
            streaming.sendall(
                f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer dev\r\n"
                f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n".encode()
                + content
            )
            wait_until(lambda: scraped(http).value("foreword_http_open_streams") == 1)
            assert scraped(http).value("foreword_http_open_connections") == 2
            assert http.send("GET", "/v1/models").status == 429
            assert scraped(http).value("foreword_http_refused_connections_total", limit="address") == 1

        wait_until(lambda: scraped(http).value("foreword_http_open_connections") == 0)
        wait_until(lambda: scraped(http).value("foreword_http_open_streams") == 0)


@pytest.fixture(scope="module")
def traced_server(start_server: ServerFactory) -> RunningServer:
    pytest.importorskip("opentelemetry.sdk", reason="needs the extra tracing")
    return start_server(traces=True)


@pytest.mark.parametrize("stream", [False, True])
def test_the_span_of_a_request_goes_on_a_callers_trace_and_is_the_parent_of_the_services(
    traced_server: RunningServer, stream: bool
):
    spans = RecordedSpans()
    traced_server.spans.clear()
    with running_http(traced_server, tracer=spans.tracer) as http:
        request_id = http.send("POST", CHAT, {**BODY, "stream": stream}, traceparent=f"00-{TRACE}-{PARENT}-01").headers[
            "x-request-id"
        ]
        wait_until(lambda: bool(spans.all()))
        method = "StreamGenerate" if stream else "Generate"
        wait_until(lambda: bool(traced_server.spans.named(f"foreword.v1.InferenceService/{method}")))

    (span,) = spans.all()
    (rpc,) = traced_server.spans.named(f"foreword.v1.InferenceService/{method}")
    assert f"{span.context.trace_id:032x}" == f"{rpc.context.trace_id:032x}" == TRACE
    assert (f"{span.parent.span_id:016x}", rpc.parent.span_id) == (PARENT, span.context.span_id)
    assert span.name == f"POST {CHAT}"
    assert dict(span.attributes) == {
        "http.request.method": "POST",
        "http.route": CHAT,
        "http.response.status_code": 200,
        "url.scheme": "http",
        "foreword.request_id": request_id,
    }


def test_a_span_holds_no_address_that_a_caller_has_made_up(traced_server: RunningServer):
    spans = RecordedSpans()
    with running_http(traced_server, tracer=spans.tracer) as http:
        assert http.send("GET", "/a-secret-address").status == 404
        wait_until(lambda: bool(spans.all()))

    (span,) = spans.all()
    assert span.name == "GET"
    assert span.attributes["http.response.status_code"] == 404
    assert "secret" not in str(span.attributes)
