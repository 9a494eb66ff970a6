"""HTTP in front of a running server, and the official client of OpenAI."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import openai

from factories.servers import EventLoopThread, RunningServer
from foreword.config import Settings
from foreword.http.process import HttpServer, listen_for_http, service_client


class Response(NamedTuple):
    """A whole response, with its headers by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: Any


class RunningHttp:
    """HTTP on an event loop of its own.

    Attributes:
        port: Port on 127.0.0.1.
    """

    def __init__(self, endpoint: str, *, tracer: Any = None, **settings: Any) -> None:
        self._loop = EventLoopThread()
        given = Settings(**{"http_port": 0, "drain_seconds": 0, "metrics": False, **settings})
        listening = listen_for_http(given)
        self.port: int = listening.getsockname()[1]
        self._stop: asyncio.Event = self._loop.run(_event())
        self._server = HttpServer(given, service_client(endpoint), listening, tracer=tracer)
        self._running = asyncio.run_coroutine_threadsafe(self._server.run(self._stop), self._loop._loop)

    @property
    def metrics_port(self) -> int | None:
        """The port of the metrics, once they are served."""
        return self._server.metrics_port

    @property
    def open_connections(self) -> int:
        """Number of open connections, without those that are refused."""
        return self._server.open_connections

    @property
    def base_url(self) -> str:
        """The address for clients of OpenAI."""
        return f"http://127.0.0.1:{self.port}/v1"

    def client(self, key: str = "dev", **options: Any) -> openai.OpenAI:
        """Return the official client, without retries and without the proxies of the environment.

        Nothing is encrypted here, so no certificates are loaded, which takes longer than most requests.
        """
        return openai.OpenAI(
            base_url=self.base_url,
            api_key=key,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(trust_env=False, verify=False, timeout=60),
            **options,
        )

    def send(self, method: str, path: str, body: Any = None, *, key: str | None = "dev", **headers: str) -> Response:
        """Send a request, of which every part may be wrong, and return the response.

        Args:
            body: Bytes, or a value to send as JSON.
            headers: Headers by name with `_` for `-`.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            given.setdefault("authorization", f"Bearer {key}")
        if body is not None and not isinstance(body, bytes):
            given.setdefault("content-type", "application/json")
            body = json.dumps(body).encode()
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        found = {name.lower(): value for name, value in answer.getheaders()}
        is_json = found.get("content-type", "").startswith("application/json")
        return Response(answer.status, found, json.loads(content) if is_json else content)

    def refused(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, dict[str, Any]]:
        """Send a request that must be refused, and return the status and OpenAI's error object."""
        answer = self.send(method, path, body, **options)
        assert answer.status >= 400, answer.body
        assert set(answer.body) == {"error"}
        assert set(answer.body["error"]) == {"message", "type", "param", "code", "reason"}
        return answer.status, answer.body["error"]

    def close(self) -> None:
        """Stop serving."""
        self._loop._loop.call_soon_threadsafe(self._stop.set)
        self._running.result(30)
        self._loop.close()


@contextmanager
def running_http(server: RunningServer, *, tracer: Any = None, **settings: Any) -> Iterator[RunningHttp]:
    """Serve HTTP that calls a server over its Unix socket, as `foreword serve` does."""
    running = RunningHttp(server.private_endpoint, tracer=tracer, **settings)
    try:
        yield running
    finally:
        running.close()


async def _event() -> asyncio.Event:
    return asyncio.Event()
