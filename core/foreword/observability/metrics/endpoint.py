"""The port on which a process serves its metrics."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server

from foreword.observability.logging import get_logger

_log = get_logger("metrics")


class MetricsEndpoint:
    """An HTTP server of `/metrics` on a thread of its own, so that it answers although the process is busy.

    Args:
        host: Address to listen on.
        ports: Ports to try in this order; 0 chooses a free one.
        setting: Environment variable that sets the port, for the warning.

    Attributes:
        port: The port that it listens on; None before the start, and if none was free.
    """

    def __init__(self, registry: CollectorRegistry, *, host: str, ports: Sequence[int], setting: str) -> None:
        self._registry = registry
        self._host = host
        self._ports = ports
        self._setting = setting
        self._server: Any = None
        self.port: int | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start to listen. If no port is free, log a warning instead."""
        problem = ""
        for port in self._ports:
            try:
                self._server, self._thread = start_http_server(port, self._host, self._registry)
            except OSError as error:
                problem = error.strerror or str(error)
                continue
            self.port = self._server.server_port
            _log.info("metrics_served", host=self._host, port=self.port)
            return
        _log.warning(
            "metrics_not_served",
            host=self._host,
            first_port=self._ports[0],
            ports_tried=len(self._ports),
            error=problem,
            remedy=f"Set {self._setting} to a free port, or FOREWORD_METRICS=false.",
        )

    def stop(self) -> None:
        """Stop listening; a second call does nothing."""
        server, self._server = self._server, None
        if server is not None and self._thread is not None:
            server.shutdown()
            server.server_close()
            self._thread.join()
