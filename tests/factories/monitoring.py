"""The dashboards and alerts of `deploy/monitoring`, and a real Prometheus."""

from __future__ import annotations

import contextlib
import importlib
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from factories.ports import free_port
from factories.waiting import wait_until

FOLDER = Path(__file__).parents[2] / "deploy" / "monitoring"
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None, reason="needs Prometheus"
)

_NAME = re.compile(r"\b(?:foreword_\w+|up|process_\w+)\b")


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


def start_prometheus(folder: Path, targets: Mapping[str, int]) -> Any:
    """Return a running Prometheus that scrapes every second.

    Args:
        targets: Port on loopback by job.
    """
    return monitoring("prometheus").LocalPrometheus(folder, free_port(), targets, scrape_seconds=1)


def wait_for_series(prometheus: Any, expr: str) -> None:
    """Wait until a query returns a series."""

    def found() -> bool:
        with contextlib.suppress(OSError):
            return bool(prometheus.instant(expr))
        return False

    wait_until(found)
