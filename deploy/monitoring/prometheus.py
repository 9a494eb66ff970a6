"""The HTTP API of Prometheus, and a Prometheus on loopback for as long as it is needed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

Answer = list[dict[str, Any]]
"""The series of an answer as Prometheus sends them, with `metric` and with `value` or `values`."""

_TIMEOUT_SECONDS = 30
_REFUSALS = (400, 422)
_OPENER = build_opener(ProxyHandler({}))


class PrometheusApi:
    """The queries of a Prometheus.

    Args:
        url: Its address, such as `http://127.0.0.1:9090`.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def instant(self, expr: str, time: float | None = None) -> Answer:
        """Return the series of a query at one time.

        Args:
            time: Seconds since the epoch. Default: now.

        Raises:
            OSError: Prometheus does not answer.
            ValueError: Prometheus refuses the query.
        """
        return self._get("query", {"query": expr} | ({} if time is None else {"time": time}))

    def range(self, expr: str, *, start: float, end: float, step_seconds: float) -> Answer:
        """Return the series of a query over a time.

        Args:
            start: Seconds since the epoch, as `end`.

        Raises:
            OSError: Prometheus does not answer.
            ValueError: Prometheus refuses the query.
        """
        return self._get("query_range", {"query": expr, "start": start, "end": end, "step": step_seconds})

    def _get(self, resource: str, parameters: Mapping[str, Any]) -> Answer:
        try:
            with _OPENER.open(
                f"{self.url}/api/v1/{resource}?{urlencode(parameters)}", timeout=_TIMEOUT_SECONDS
            ) as sent:
                result: Answer = json.load(sent)["data"]["result"]
        except HTTPError as error:
            if error.code not in _REFUSALS:  # such as 503 while it starts
                raise
            with error:
                reason = error.read().decode(errors="replace")
            raise ValueError(f"{self.url} refuses the query {parameters['query']}: {reason}") from error
        return result


class LocalPrometheus(PrometheusApi):
    """A Prometheus that this process starts. It listens on loopback and needs `prometheus` on the PATH.

    Args:
        folder: Folder for its configuration, data and log.
        port: A free port.
        targets: Ports on loopback to scrape, by job.
    """

    def __init__(self, folder: Path, port: int, targets: Mapping[str, int], *, scrape_seconds: int) -> None:
        super().__init__(f"http://127.0.0.1:{port}")
        jobs = [{"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{at}"]}]} for job, at in targets.items()]
        interval = f"{scrape_seconds}s"
        config = {"global": {"scrape_interval": interval, "evaluation_interval": interval}, "scrape_configs": jobs}
        (folder / "prometheus.yaml").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
        self._log = (folder / "prometheus.log").open("wb")
        self._process = subprocess.Popen(  # noqa: S603 - a fixed command
            [  # noqa: S607 - the path differs between systems
                "prometheus",
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C reaches only this process, which then stops Prometheus
        )

    def stop(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(_TIMEOUT_SECONDS)
        self._log.close()
