"""`foreword top` shows what server and workers do, from their metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, start_http_server

from factories.api import create_experiment, deployed, upload
from factories.ports import free_port
from factories.servers import RunningServer
from foreword.cli.application import run
from foreword.cli.top.readings import Change, Reading
from foreword.observability.metrics.worker import WorkerMetrics
from foreword.v1 import inference_service_pb2 as inference


@pytest.fixture(scope="module")
def server(start_server: Any) -> RunningServer:
    return start_server(metrics=True, metrics_port=0)


@pytest.fixture
def worker() -> Iterator[tuple[WorkerMetrics, str]]:
    """A worker's metrics, and their address."""
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    served, thread = start_http_server(0, "127.0.0.1", registry)
    yield metrics, f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    served.server_close()
    thread.join()


def row(out: str, name: str) -> list[str]:
    (line,) = [line for line in out.splitlines() if line.startswith(name)]
    return line.split()


def test_tenants_deployments_models_queues_and_workers_are_shown(
    server: RunningServer, worker: tuple[WorkerMetrics, str], capsys: pytest.CaptureFixture[str]
) -> None:
    stubs = server.stubs()
    deployed(server, stubs, "counted")
    stubs.inference.Generate(inference.GenerateRequest(model="counted", text="Two screws are missing."))
    create_experiment(stubs, upload(stubs).name)
    metrics, address = worker
    metrics.charged("dev", "tune", 1800.0)
    with metrics.running("tune", 1):
        metrics.updated("foreword--starter", "classification", seconds=0.1, rows=8, loss=1.25)
        served = f"http://127.0.0.1:{server.metrics.port}"
        status = run(["top", "--once", "--interval", "0.1", "--metrics", served, "--metrics", address])
    out = capsys.readouterr().out

    assert status == 0
    tenant = row(out, "dev ")
    assert (tenant[4], tenant[5], tenant[6]) == ("1", "0", "0.500")
    assert row(out, "dev/counted")[1:] == ["0.0", "0.0", "0"]
    assert "MiB" in row(out, "foreword--starter")
    assert row(out, "tune ")[1:3] == ["1", "0"]
    assert row(out, "inference ")[1:3] == ["0", "0"]
    assert row(out, address.removeprefix("http://"))[1:3] == ["1", "tune"]
    assert "classification 1.250" in out


def test_an_address_without_metrics_is_named_with_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    address = f"http://127.0.0.1:{free_port()}"

    assert run(["top", "--once", "--metrics", address]) == 1
    err = capsys.readouterr().err
    assert address in err
    assert "foreword serve" in err
    assert run(["top", "--once", "--metrics", "localhost:9464"]) == 1
    assert "must be a URL" in capsys.readouterr().err


def test_a_process_that_was_started_anew_counts_from_nothing() -> None:
    key = ("a", "requests_total", frozenset({("tenant", "x")}))
    change = Change(
        before=Reading(moment=0.0, samples={key: 100.0}),
        now=Reading(moment=2.0, samples={key: 6.0}),
    )

    assert change.rate("requests_total", tenant="x") == 3.0
    assert change.rate("requests_total", tenant="y") == 0.0
    assert change.mean("requests", tenant="x") is None
