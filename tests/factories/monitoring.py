"""The dashboards and alerts of `deploy/monitoring`, and a real Prometheus."""

from __future__ import annotations

import contextlib
import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import pytest

from factories.ports import free_port
from factories.waiting import wait_until

FOLDER = Path(__file__).parents[2] / "deploy" / "monitoring"
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None, reason="needs Prometheus"
)

_NAME = re.compile(r"\b(?:foreword_\w+|up|process_\w+)\b")
_OPENER = build_opener(ProxyHandler({}))


def monitoring(module: str) -> Any:
    """Return a module of `deploy/monitoring`, which is a folder of scripts."""
    with contextlib.ExitStack() as stack:
        sys.path.insert(0, str(FOLDER))
        stack.callback(sys.path.remove, str(FOLDER))
        return importlib.import_module(module)


def every_alert() -> Iterator[Any]:
    """Yield each alert."""
    for alerts in monitoring("alerts").GROUPS.values():
        yield from alerts


def every_query() -> Iterator[tuple[str, str]]:
    """Yield the name and the expression of each query of a panel or a variable, and of the measure of each alert."""
    for dashboard in monitoring("dashboards").DASHBOARDS:
        for variable in dashboard.variables:
            yield f"{dashboard.title}, {variable.name}", variable.metric
        for panel in dashboard.panels:
            for query in panel.queries:
                yield f"{dashboard.title}, {panel.title}", query.expr
    for alert in every_alert():
        yield alert.name, alert.measure


def metrics_in(expr: str) -> set[str]:
    """Return the names of the samples that a query reads."""
    return set(_NAME.findall(re.sub(r'"[^"]*"', '""', expr)))


class Prometheus:
    """A running Prometheus that scrapes every second.

    Args:
        targets: Port on loopback by job.
    """

    def __init__(self, folder: Path, targets: Mapping[str, int]) -> None:
        self._port = free_port()
        jobs = [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]} for job, port in targets.items()
        ]
        config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "scrape_configs": jobs}
        (folder / "prometheus.yaml").write_text(json.dumps(config))  # JSON is YAML
        self._log = (folder / "prometheus.log").open("wb")
        self._process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self._port}",
            ],
            stdout=self._log,
            stderr=self._log,
        )

    def query(self, expr: str) -> list[tuple[Mapping[str, str], float]]:
        """Return the labels and the value of each series of an instant query."""
        url = f"http://127.0.0.1:{self._port}/api/v1/query?{urlencode({'query': expr})}"
        with _OPENER.open(url, timeout=30) as answer:
            result = json.load(answer)["data"]["result"]
        return [(series["metric"], float(series["value"][1])) for series in result]

    def wait_for(self, expr: str) -> None:
        """Wait until a query returns a series."""

        def found() -> bool:
            with contextlib.suppress(OSError):
                return bool(self.query(expr))
            return False

        wait_until(found)

    def stop(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(30)
        self._log.close()
