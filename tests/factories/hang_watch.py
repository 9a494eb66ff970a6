"""Ends a run of the suite that hangs, and says which tests hang and where.

`pytest-timeout` ends a hanging test from a thread of its own process, so it fails where the process cannot run Python
any more, and it does not see a process that hangs between tests. This watches from the process that collects results.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import time
from typing import Any

import pytest

_LOOKS_SECONDS = 5.0
_DUMP_SECONDS = 1.0
_SUMMARY_SECONDS = 20.0


class HangWatch:
    """A plugin of the process that collects the results; `pytest_configure` of `conftest.py` registers it.

    Args:
        limit_s: Seconds without the begin or end of any test after which the run ends.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._changed_at = time.monotonic()
        self._running: dict[str, float] = {}
        self._hangs = False
        self._processes = {"this process": os.getpid()}
        threading.Thread(target=self._watch, name="hang-watch", daemon=True).start()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        self._changed_at = time.monotonic()
        self._processes[node.gateway.id] = node.gateway._io.popen.pid  # execnet has no public name for it

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._changed_at = time.monotonic()
        self._processes.pop(node.gateway.id, None)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._changed_at = self._running[nodeid] = time.monotonic()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._changed_at = time.monotonic()
        self._running.pop(nodeid, None)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._hangs:  # The signals may have woken the hanging test.
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_unconfigure(self) -> None:
        self._limit_s = float("inf")

    def _watch(self) -> None:
        while time.monotonic() - self._changed_at < self._limit_s:
            time.sleep(min(_LOOKS_SECONDS, self._limit_s / 4))
        self._hangs = True
        self._say(f"\n\nNo test has begun or ended for {self._limit_s:.0f} s, so the run ends here.")
        for test, began in list(self._running.items()):
            self._say(f"  running for {time.monotonic() - began:.0f} s: {test}")
        for name, pid in sorted(self._processes.items(), key=lambda item: item[1] == os.getpid()):
            self._say(f"Main thread of {name}:")
            os.kill(pid, signal.SIGUSR1)
            time.sleep(_DUMP_SECONDS)
        for pid in self._processes.values():
            if pid != os.getpid():
                os.kill(pid, signal.SIGKILL)
        time.sleep(_SUMMARY_SECONDS)  # Without its processes, pytest-xdist prints the failures and ends.
        os._exit(1)

    @staticmethod
    def _say(line: str) -> None:
        os.write(2, f"{line}\n".encode())


def show_main_thread_on_request() -> None:
    """Print the stack of the main thread at SIGUSR1, also while no Python code can run."""
    # A copy: pytest replaces descriptor 2 while it captures what a test prints.
    faulthandler.register(signal.SIGUSR1, file=os.fdopen(os.dup(2), "w"), all_threads=False)
