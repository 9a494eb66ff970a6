"""Every query of the dashboards and alerts returns series, from what server, HTTP, worker and bot really export."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import start_http_server

from factories.api import create_experiment, deployed, refused, upload
from factories.captures import see
from factories.http import RunningHttp
from factories.monitoring import (
    FOLDER,
    every_query,
    metrics_in,
    monitoring,
    needs_prometheus,
    start_prometheus,
    wait_for_series,
)
from factories.scrapes import scrape
from factories.servers import RunningServer, ServerFactory
from factories.shops import plugins, shop  # noqa: F401 - fixtures
from factories.slack import install, new_event
from factories.waiting import PATIENCE_SECONDS, wait_until
from foreword.names import DeploymentName
from foreword.observability.metrics.database import DatabaseMetrics
from foreword.observability.metrics.process import new_registry
from foreword.observability.metrics.worker import WorkerMetrics
from foreword.scheduling.worker import Worker
from foreword.storage.captures.ledger import CaptureLedger
from foreword.v1 import capture_service_pb2, deployment_service_pb2, tenant_service_pb2
from foreword.v1 import inference_service_pb2 as inference
from foreword_slack.hooks import ComplaintCorrected, RoutingDecided
from foreword_slack.metrics import BotMetrics, BotState
from foreword_slack.routing import Decision, Reason, ReasonCode
from foreword_slack.routing.decision import Guess, Target
from foreword_slack.store import Complaint, Operation, Store
from foreword_slack.store.post_queue import Sending

BASE = "baseModels/foreword--starter"
WINDOWS = {"$__rate_interval": "30s", "$__range": "2m", "$tenant": ".*", "$team": ".*"}


def test_the_checked_in_files_are_what_the_dashboards_generate(tmp_path: Path) -> None:
    subprocess.run([sys.executable, FOLDER / "generate.py", tmp_path], check=True)

    for fresh in sorted(tmp_path.rglob("*.*")):
        stored = FOLDER.parent / fresh.relative_to(tmp_path)
        assert stored.read_text() == fresh.read_text(), "run: make dashboards"
    assert {file.name for file in (FOLDER.parent / "grafana").iterdir()} == {
        file.name for file in (tmp_path / "grafana").iterdir()
    }


def test_panels_have_descriptions_and_ids_of_their_own() -> None:
    for dashboard in monitoring("dashboards").DASHBOARDS:
        written = json.loads((FOLDER.parent / "grafana" / f"{dashboard.uid}.json").read_text())
        assert len({panel["id"] for panel in written["panels"]}) == len(dashboard.panels)
        assert all(panel["description"].endswith(".") for panel in written["panels"])


class Exporters:
    """A server, HTTP, a worker and a bot with something to export."""

    def __init__(self, server: RunningServer, tuning: Any, database: Path) -> None:
        self._server, self._shop = server, tuning
        self._stubs = server.stubs()
        counted = deployed(server, self._stubs, "counted")
        self._stubs.deployments.UpdateDeployment(
            deployment_service_pb2.UpdateDeploymentRequest(deployment={"name": counted.name, "capture": {"share": 1.0}})
        )
        registry = new_registry("0")
        self._workshop = dataclasses.replace(tuning.workshop, metrics=WorkerMetrics(registry))
        tuning.workshop.database.on_transaction = DatabaseMetrics(registry).ended
        self._bot = BotMetrics(lambda: datetime.now(UTC))
        asyncio.run(self._fill_store(database))
        self._started = [start_http_server(0, "127.0.0.1", source) for source in (registry, self._bot.registry)]
        self._http = RunningHttp(server.private_endpoint, metrics=True, http_metrics_port=0)
        self.ports = {
            "foreword-server": server.metrics.port,
            "foreword-http": wait_until(lambda: self._http.metrics_port),
            "foreword-worker": self._started[0][0].server_port,
            "foreword-slack": self._started[1][0].server_port,
        }

    async def _fill_store(self, database: Path) -> None:
        """Export the state of a real store, in which a post and a complaint wait."""
        store = await Store.open(f"sqlite:///{database}")
        await install(store)
        await store.write("T1", lambda uow: uow.inbox.add(new_event("message:C1:1")))
        await store.write("T1", lambda uow: uow.posts.post("late", "C1", {"text": "Late"}))
        complaint = Complaint(channel="C1", ts="1.1", author="U1", receive_time=datetime.now(UTC))
        await store.write("T1", lambda uow: uow.complaints.save(complaint))
        overview = await store.survey(lambda operator: operator.overview())
        await store.close()
        outcomes = {"received": 3, "sent": 2}
        now = datetime.now(UTC)
        names = ("intake_payloads", "inbox_events", "outbox_calls", "transport_events")
        self._bot.registry.register(
            BotState(
                counts=dict.fromkeys(names, outcomes),
                sockets=2,
                last_event_time=now - timedelta(minutes=1),
                now=now,
                overview=overview,
            )
        )

    def work(self) -> None:
        """Do something of everything."""
        for model in ("counted", BASE):
            request = inference.GenerateRequest(model=model, text="Two screws.", parameters={"max_new_tokens": 6})
            self._stubs.inference.Generate(request)
        answer = self._stubs.inference.Classify(
            inference.ClassifyRequest(model="counted", text="Two screws are missing.")
        )
        right = {"labels": answer.labels}
        self._stubs.captures.SubmitFeedback(
            capture_service_pb2.SubmitFeedbackRequest(
                deployment="counted", feedback={"request_id": answer.request_id, "right_labels": right}
            )
        )
        self._capture_requests()
        self._server.measure_drift()
        refused(self._server.stubs("fw_nobody_wrong").tenants.WhoAmI, tenant_service_pb2.WhoAmIRequest())
        create_experiment(self._stubs, upload(self._stubs).name)
        self._http.send("GET", "/v1/models")
        self._shop.queue_run()
        Worker(self._workshop).run(StopWhenIdle())
        self._decide()

    def _capture_requests(self) -> None:
        """Capture enough requests for a verdict on drift."""
        found = self._stubs.deployments.GetDeployment(
            deployment_service_pb2.GetDeploymentRequest(name="tenants/dev/spaces/default/deployments/counted")
        )
        created = found.create_time.ToDatetime(tzinfo=UTC)
        requests = [
            see(f"{time.time()}/{number}", model=found.model, output="Service", labels=("Service",))
            for number in range(120)
        ]
        name = DeploymentName("dev", "default", "counted")
        CaptureLedger(self._server.database, max_tenant_bytes=10**9).add(name, created, requests)

    def _decide(self) -> None:
        guess = Guess(labels=("Service",), probability=0.9)
        routed = Decision(targets=(Target(label="Service", channel="C1", probability=0.9),), guess=guess)
        unsure = Decision(reasons=(Reason(code=ReasonCode.SMALL_MARGIN, text="x"),), guess=guess)
        now = datetime.now(UTC)
        for decision in (routed, unsure):
            self._bot.observe(
                RoutingDecided(key="1", team="T1", complaint="C1:1.1", text="", decision=decision, actor="", time=now)
            )
        self._bot.observe(
            ComplaintCorrected(
                key="2",
                team="T1",
                complaint="C1:1.1",
                text="",
                said=("Service",),
                corrected=("Planning",),
                actor="U1",
                time=now,
            )
        )
        self._bot.given_up("T1")
        self._bot.answered(0.1)
        self._bot.repeated("message")
        self._bot.sent(
            Sending(
                key=1, epoch=1, team="T1", name="x", operation=Operation.POST, channel="C1", target_ts=None,
                complaint=f"C1:{time.time()}", payload={}, unsure=False, attempt=1, create_time=now,
                first_send_time=now,
            )
        )  # fmt: skip

    def stop(self) -> None:
        """Stop HTTP, and the worker's and the bot's endpoints."""
        self._http.close()
        for server, thread in self._started:
            server.shutdown()
            server.server_close()
            thread.join()


class StopWhenIdle:
    """A stop event that is set as soon as the worker would pause."""

    def __init__(self) -> None:
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True

    def wait(self, timeout: float | None = None) -> bool:
        self._is_set = True
        return True


@pytest.fixture
def exporters(start_server: ServerFactory, shop: Any, tmp_path: Path) -> Iterator[Exporters]:  # noqa: F811
    started = Exporters(start_server(metrics=True, metrics_port=0), shop, tmp_path / "slack.db")
    yield started
    started.stop()


def test_every_metric_that_a_query_reads_is_exported_and_every_exported_one_is_documented(exporters: Exporters) -> None:
    exporters.work()
    exported = {"up"}
    for port in exporters.ports.values():
        exported |= scrape(port).names()

    for name, expr in every_query():
        assert metrics_in(expr), name
        assert metrics_in(expr) <= exported, name
    assert [name for name in exported if name.startswith("foreword_") and not is_documented(name)] == []


def is_documented(sample: str) -> bool:
    """Return whether a guide has the metric of a sample."""
    name = re.sub("_(bucket|count|sum|info)$", "", sample)
    if name in ("foreword_build", "foreword_database"):
        return True
    service, slack = ((FOLDER.parent / folder / "README.md").read_text() for folder in (".", "slack"))
    own = name.removeprefix("foreword_slack_")
    return f"`{name}`" in service or (own != name and f"`{own}`" in slack)


@needs_prometheus
def test_every_query_returns_series_from_prometheus(exporters: Exporters, tmp_path: Path) -> None:
    exporters.work()
    prometheus = start_prometheus(tmp_path, exporters.ports)
    try:
        for job in exporters.ports:
            wait_for_series(prometheus, f'up{{job="{job}"}} == 1')
        exporters.work()
        wait_for_series(prometheus, "increase(foreword_slack_ack_seconds_count[30s]) > 0")
        end = time.monotonic() + PATIENCE_SECONDS
        while (empty := silent(prometheus)) and time.monotonic() < end:
            time.sleep(1)  # until the next scrape
    finally:
        prometheus.stop()

    assert empty == set()


@needs_prometheus
def test_a_tenant_whose_requests_all_fail_has_a_share_of_one_and_an_idle_one_has_none(tmp_path: Path) -> None:
    (panel,) = (
        panel
        for dashboard in monitoring("dashboards").DASHBOARDS
        for panel in dashboard.panels
        if panel.title == "Requests that failed"
    )
    expr = panel.queries[0].expr.replace("$__rate_interval", "5m").replace("$tenant", ".*")
    counters = {'tenant="failing", code="NOT_FOUND"': "0+5x60", 'tenant="idle", code="OK"': "5x60"}
    counters |= {'tenant="well", code="OK"': "0+5x60"}
    series = [
        {"series": f"foreword_tenant_requests_total{{{labels}}}", "values": of} for labels, of in counters.items()
    ]
    expected = [{"labels": f'{{tenant="{tenant}"}}', "value": share} for tenant, share in (("failing", 1), ("well", 0))]
    check = {"expr": expr, "eval_time": "30m", "exp_samples": expected}
    tests = [{"interval": "1m", "input_series": series, "promql_expr_test": [check]}]
    (tmp_path / "tests.json").write_text(json.dumps({"tests": tests}))

    done = subprocess.run(["promtool", "test", "rules", tmp_path / "tests.json"], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def silent(prometheus: Any) -> set[str]:
    """Return the queries without a number."""
    found = set()
    for name, expr in every_query():
        for variable, value in WINDOWS.items():
            expr = expr.replace(variable, value)
        if not any(math.isfinite(float(series["value"][1])) for series in prometheus.instant(expr)):
            found.add(f"{name}: {expr}")
    return found
