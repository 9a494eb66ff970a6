"""A tenant that works while another one attacks, and the memory of the attacked process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

_PAUSE_SECONDS = 0.01


class Repeating:
    """Threads that repeat a function until the block ends, and the seconds that each call took.

    Args:
        function: Called again and again; it must not raise.
        threads: Number of concurrent calls.
        pause_seconds: Time between two calls of a thread.
    """

    def __init__(self, function: Callable[[], object], *, threads: int = 1, pause_seconds: float = 0.0) -> None:
        self._function = function
        self._pause_seconds = pause_seconds
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, daemon=True) for _ in range(threads)]
        self.seconds: list[float] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self) -> None:
        while not self._stop.is_set():
            begin = time.perf_counter()
            self._function()
            self.seconds.append(time.perf_counter() - begin)
            self._stop.wait(self._pause_seconds)


@dataclass
class Memory:
    """The resident memory of a process in bytes."""

    pid: int
    rest: int = field(init=False)

    def __post_init__(self) -> None:
        self.rest = self.now()

    def now(self) -> int:
        """Return the current size."""
        return self._read("VmRSS")

    def peak(self) -> int:
        """Return the largest size since `forget_peak`."""
        return self._read("VmHWM")

    def forget_peak(self) -> None:
        """Begin a new measurement of the peak."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _read(self, name: str) -> int:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def seconds_of(function: Callable[[], object], seconds: float) -> list[float]:
    """Repeat a function for a time, and return how long each call took."""
    with Repeating(function, pause_seconds=_PAUSE_SECONDS) as repeated:
        time.sleep(seconds)
    return repeated.seconds
