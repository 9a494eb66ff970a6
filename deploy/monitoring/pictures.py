"""Draw each dashboard from what Prometheus answers to its queries.

Without `--prometheus`, this starts a service with a worker, a Slack bot and a Prometheus on loopback, lets tenants and
people work for some minutes, draws, and stops everything. It needs `prometheus` on the PATH.

Usage: python deploy/monitoring/pictures.py [--minutes 5] [--prometheus URL] [--output FOLDER]
"""

from __future__ import annotations

import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from dashboards import DASHBOARDS
from drawing import draw_dashboard, write_png
from load.bot import bot_at_work, tune_bot_model
from load.tenants import tenants_at_work
from panels import INSTANT_KINDS, Dashboard
from prometheus import Answer, LocalPrometheus, PrometheusApi

from foreword.cli.demo.service import LocalService
from foreword.errors import ForewordError
from foreword.observability import logging

_SCRAPE_SECONDS = 5
_POINTS = 120


@click.command()
@click.option("--minutes", type=click.FloatRange(min=1), default=5, show_default=True, help="Time that is drawn.")
@click.option(
    "--prometheus", "url", help="Address of a running Prometheus to draw from, such as http://127.0.0.1:9090."
)
@click.option("--rate-interval", default="1m", show_default=True, help="Grafana's $__rate_interval.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(__file__).parents[1] / "pictures",
    help="Folder of the pictures.  [default: deploy/pictures]",
)
def main(*, minutes: float, url: str | None, rate_interval: str, output: Path) -> None:
    """Draw each dashboard from what Prometheus answers to its queries."""
    output.mkdir(parents=True, exist_ok=True)
    if url is not None:
        _draw_all(PrometheusApi(url), minutes, rate_interval, output)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that everything is stopped
    logging.configure("error")
    with tempfile.TemporaryDirectory(prefix="foreword-pictures-") as folder, _work(Path(folder)) as prometheus:
        click.echo(f"At work for {minutes:g} minutes ...")
        time.sleep(60 * minutes)
        _draw_all(prometheus, minutes, rate_interval, output)


@contextmanager
def _work(folder: Path) -> Iterator[LocalPrometheus]:
    """Let a service, its tenants and a bot work, and yield the Prometheus that scrapes them."""
    server, worker, bot, http, http_metrics, own = _free_ports(6)
    settings = {
        "FOREWORD_HTTP": "true",
        "FOREWORD_HTTP_PORT": str(http),
        "FOREWORD_HTTP_METRICS_PORT": str(http_metrics),
        "FOREWORD_METRICS": "true",
        "FOREWORD_METRICS_PORT": str(server),
        "FOREWORD_WORKER_METRICS_PORT": str(worker),
        "FOREWORD_CHECKPOINT_SECONDS": "20",
    }
    with ExitStack() as stack:
        click.echo("Starting a service ...")
        service = stack.enter_context(LocalService(folder / "home", environment=settings))
        targets = {
            "foreword-server": server,
            "foreword-http": http_metrics,
            "foreword-worker": worker,
            "foreword-slack": bot,
        }
        prometheus = LocalPrometheus(folder, own, targets, scrape_seconds=_SCRAPE_SECONDS)
        stack.callback(prometheus.stop)
        client = stack.enter_context(service.client())
        try:
            click.echo("Tuning the bot's model ...")
            held_out = tune_bot_model(client)
            stack.enter_context(bot_at_work(service.endpoint, bot, home=folder, held_out=held_out))
            stack.enter_context(tenants_at_work(service.endpoint, f"http://127.0.0.1:{http}/v1", client, click.echo))
            yield prometheus
        except ForewordError:
            click.echo(f"The end of the service's log:\n{service.log[-2000:]}", err=True)
            raise


def _free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _draw_all(prometheus: PrometheusApi, minutes: float, rate_interval: str, output: Path) -> None:
    end = time.time()
    start = end - 60 * minutes
    for dashboard in DASHBOARDS:
        answers = _ask(prometheus, dashboard, start, end, rate_interval)
        path = output / f"{dashboard.uid}.png"
        write_png(draw_dashboard(dashboard, answers, start=start, end=end), path)
        click.echo(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def _ask(
    prometheus: PrometheusApi, dashboard: Dashboard, start: float, end: float, rate_interval: str
) -> list[list[Answer]]:
    """Return the answers to the queries of each panel, as Grafana asks them with all tenants and teams."""
    values = {"$__rate_interval": rate_interval, "$__range": f"{end - start:.0f}s"}
    values |= {f"${variable.name}": ".*" for variable in dashboard.variables}
    step = max(_SCRAPE_SECONDS, round((end - start) / _POINTS))
    answers: list[list[Answer]] = []
    for panel in dashboard.panels:
        answers.append([])
        for query in panel.queries:
            expr = query.expr
            for name, value in values.items():
                expr = expr.replace(name, value)
            if panel.kind in INSTANT_KINDS:
                answers[-1].append(prometheus.instant(expr, end))
            else:
                answers[-1].append(prometheus.range(expr, start=start, end=end, step_seconds=step))
    return answers


if __name__ == "__main__":
    main()
