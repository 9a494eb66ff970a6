"""A real service in its own process on loopback, for the demo and for scenario tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from foreword.client import Client
from foreword.errors import UnavailableError
from foreword.private_files import make_private_folder, open_private

_STARTED_WITHIN_SECONDS = 180.0
_COLOURS = re.compile(rb"\x1b\[[\d;]*m")
_ENDPOINT = re.compile(rb"FOREWORD_ENDPOINT=127\.0\.0\.1:(\d+)\s")
_INHERITED_SETTINGS = frozenset({"FOREWORD_DEVICE", "FOREWORD_DTYPE", "FOREWORD_TORCH_THREADS"})


class LocalService:
    """`foreword serve --dev` with its worker, on a free port of loopback.

    It ends with this process, even if this process is killed.

    Args:
        home: Folder for database, artifacts and `service.log`.
        environment: Additional settings.
        stop_seconds: Time limit for stopping, after which the process is killed.
    """

    def __init__(self, home: Path, *, environment: Mapping[str, str] | None = None, stop_seconds: float = 40.0) -> None:
        self.home = home
        self._environment = dict(environment or {})
        self._stop_seconds = stop_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def endpoint(self) -> str:
        """Address of the service."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Process id of the server."""
        assert self._process is not None, "the service was not started"
        return self._process.pid

    @property
    def log(self) -> str:
        """The log of server and worker."""
        return (self.home / "service.log").read_text(errors="replace")

    def client(self) -> Client:
        """Return a client of the tenant `dev`."""
        return Client(self.endpoint, "dev")

    def start(self) -> Self:
        """Start the process and return once it answers.

        Raises:
            UnavailableError: The process ended or did not answer in time; the message has the end of its log.
        """
        make_private_folder(self.home)
        # The server chooses the port: one that was free before could be taken until the server listens.
        command = [sys.executable, "-m", "foreword", "serve", "--dev", "--port", "0", "--until-stdin-closes"]
        with open_private(self.home / "service.log", "ab") as log:
            begin = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                env=self._child_environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches only the caller, which then stops this process in order
            )
        self.port = self._wait_until_it_listens(begin)
        return self

    def stop(self) -> None:
        """Stop the process as an operator would, and wait for it."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(self._stop_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _child_environment(self) -> dict[str, str]:
        """Return this process's environment without Foreword's settings, which may name a real database."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("FOREWORD_") or name in _INHERITED_SETTINGS
        }
        # The ports of the metrics and of HTTP may belong to a service that runs on this machine.
        own = {"FOREWORD_HOME": str(self.home), "FOREWORD_METRICS": "false", "FOREWORD_HTTP": "false"}
        return {**inherited, **own, **self._environment}

    def _close(self) -> None:
        assert self._process is not None
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _wait_until_it_listens(self, begin: int) -> int:
        """Return the port that the process has printed.

        Args:
            begin: Size of the log when the process was started.
        """
        assert self._process is not None
        deadline = time.monotonic() + _STARTED_WITHIN_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            printed = _COLOURS.sub(b"", (self.home / "service.log").read_bytes()[begin:])
            if found := _ENDPOINT.search(printed):
                return int(found[1])
            time.sleep(0.05)
        self.stop()
        raise UnavailableError(
            f"The service did not start. The end of {self.home / 'service.log'}:\n{self.log[-2000:]}"
        )
