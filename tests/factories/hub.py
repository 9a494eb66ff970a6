"""A Hugging Face hub on loopback that serves one folder as a repository."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

REPOSITORY = "team/tiny"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """The content of the hub, and the requests that it received.

    Attributes:
        gated: Whether files need a licence that was not accepted.
        requests: Paths of requests, in order.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gated = False
        self.requests: list[str] = []
        self.endpoint = ""


@contextmanager
def running_hub(folder: Path) -> Iterator[Hub]:
    """Serve `folder` as REPOSITORY, whose branch `main` is COMMIT."""
    hub = Hub(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(send_body=False)

        def do_GET(self) -> None:
            self._answer(send_body=True)

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, *, send_body: bool) -> None:
            hub.requests.append(self.path)
            files = f"/{REPOSITORY}/resolve/{COMMIT}/"
            if self.path.startswith(f"/api/models/{REPOSITORY}/revision/"):
                if self.path.rpartition("/")[2].partition("?")[0] not in ("main", COMMIT):
                    self._send(404, {"X-Error-Code": "RevisionNotFound"}, b"", send_body)
                    return
                self._send_json({"id": REPOSITORY, "sha": COMMIT, "siblings": []}, send_body)
            elif self.path.startswith(f"/api/models/{REPOSITORY}/tree/{COMMIT}"):
                paths = sorted(hub.folder.iterdir())
                files_there = [
                    {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": path.name} for path in paths
                ]
                self._send_json(files_there, send_body)
            elif self.path.startswith(files) and hub.gated:
                self._send(403, {"X-Error-Code": "GatedRepo"}, b"", send_body)
            elif self.path.startswith(files) and (path := hub.folder / self.path.removeprefix(files)).is_file():
                content = path.read_bytes()
                etag = f'"{hashlib.sha256(content).hexdigest()}"'
                self._send(200, {"ETag": etag, "X-Repo-Commit": COMMIT}, content, send_body)
            else:
                self._send(404, {"X-Error-Code": "RepoNotFound"}, b"", send_body)

        def _send_json(self, value: object, send_body: bool) -> None:
            self._send(200, {"Content-Type": "application/json"}, json.dumps(value).encode(), send_body)

        def _send(self, status: int, headers: dict[str, str], body: bytes, send_body: bool) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if send_body:
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
