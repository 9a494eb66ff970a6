"""A tenant that works while another one attacks, and the memory of the attacked process."""

from __future__ import annotations

import gc
import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import grpc

from factories.servers import Stubs
from factories.targets import BASE
from factories.waiting import PATIENCE_SECONDS
from foreword.client.proxy import DIRECT
from foreword.v1 import inference_service_pb2

REQUEST: Final = inference_service_pb2.ClassifyRequest(model=BASE, text="The lid is missing.", labels=["good", "bad"])
"""What the neighbour sends."""

_PAUSE_SECONDS: Final = 0.01


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


class Neighbour:
    """A tenant that classifies, when it is told to, in a process of its own that lasts as long as the block.

    In the process of the attackers, it would also wait for their turns in the interpreter and for its collections of
    garbage, and these waits would count as the service's.

    Args:
        endpoint: Address of the service.
        key: Key of the tenant, which may infer.
    """

    def __init__(self, endpoint: str, key: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_classify_when_told, args=(endpoint, key, other), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.join()
        self._connection.close()

    def waits(self, seconds: float) -> list[float]:
        """Return how long each call of the next seconds took. Between two measurements it is idle."""
        self._connection.send(seconds)
        assert self._connection.poll(seconds + PATIENCE_SECONDS), "the neighbour got no answer"
        waits: list[float] = self._connection.recv()
        return waits


def _classify_when_told(endpoint: str, key: str, connection: Connection) -> None:
    """Be the neighbour: classify for the seconds that are received, and send how long each call took."""
    gc.collect()
    gc.freeze()
    with grpc.insecure_channel(endpoint, DIRECT) as channel:
        stubs = Stubs(channel, key)
        while True:
            connection.send(seconds_of(lambda: stubs.inference.Classify(REQUEST), connection.recv()))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def seconds_of(function: Callable[[], object], seconds: float) -> list[float]:
    """Repeat a function for a time, and return how long each call took."""
    with Repeating(function, pause_seconds=_PAUSE_SECONDS) as repeated:
        time.sleep(seconds)
    return repeated.seconds
