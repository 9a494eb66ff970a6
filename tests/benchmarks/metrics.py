"""What metrics cost: processor time of the server per request with metrics on, against off.

    python tests/benchmarks/metrics.py [--rpcs WhoAmI Classify] [--pairs 300] [--requests 10]

Two servers of one process, which share its event loop, answer the same requests in turns, in short blocks; the order
within each pair of blocks is drawn by chance. Servers in processes of their own differ by more than metrics cost. The
benchmark prints the processor time per request without metrics, of all threads but that of the client, and the
difference with them in percent, with a 95 % interval from a bootstrap over the pairs. It also prints the time of a
scrape.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from factories.scrapes import scrape
from factories.servers import RunningServer, running_servers
from foreword.observability.logging import configure
from foreword.v1 import inference_service_pb2 as inference
from foreword.v1 import tenant_service_pb2

MODEL: Final = "baseModels/foreword--starter"
TEXT: Final = "Two screws are missing from the box, and the manual is torn."
LABELS: Final = ("Planning", "Development", "Service", "Warehouse", "Packaging", "Marketing")
DRAWS: Final = 10_000
SCRAPES: Final = 50
WARM: Final = 30

RPCS: Final[dict[str, Callable[[Any], object]]] = {
    "WhoAmI": lambda stubs: stubs.tenants.WhoAmI(tenant_service_pb2.WhoAmIRequest()),
    "Tokenize": lambda stubs: stubs.inference.Tokenize(inference.TokenizeRequest(model=MODEL, text=TEXT)),
    "Classify": lambda stubs: stubs.inference.Classify(
        inference.ClassifyRequest(model=MODEL, text=TEXT, labels=LABELS)
    ),
    "Generate": lambda stubs: stubs.inference.Generate(
        inference.GenerateRequest(model=MODEL, text=TEXT, parameters={"max_new_tokens": 16})
    ),
}


class Side:
    """A server, with or without metrics, and its client."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self._stubs = server.stubs(server.new_key("acme"))

    def run(self, rpc: Callable[[Any], object], count: int) -> float:
        """Return the processor time of the server per request, in seconds."""
        begin = time.process_time() - time.thread_time()
        for _ in range(count):
            rpc(self._stubs)
        return (time.process_time() - time.thread_time() - begin) / count


def compare(on: Side, off: Side, rpc: Callable[[Any], object], *, pairs: int, requests: int) -> str:
    """Return the result of an RPC as a line."""
    for side in (on, off):
        side.run(rpc, WARM)
    figures = np.empty((pairs, 2))
    for pair in range(pairs):
        sides = [(0, on), (1, off)]
        random.shuffle(sides)
        for column, side in sides:
            figures[pair, column] = side.run(rpc, requests)
    # The median of the pairs' ratios: what disturbs both blocks of a pair cancels out, and single blocks do not matter.
    ratios = figures[:, 0] / figures[:, 1]
    drawn = np.random.default_rng(0).integers(pairs, size=(DRAWS, pairs))
    low, high = np.quantile(np.median(ratios[drawn], axis=1), [0.025, 0.975])
    return (
        f"{1e6 * np.median(figures[:, 1]):12.0f} us  {_percent(np.median(ratios))} % "
        f"[{_percent(low)}, {_percent(high)}]   ({pairs} pairs of {requests} requests)"
    )


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.2f}"


def scrape_seconds(side: Side) -> float:
    """Return the processor time of a scrape, without that of the client."""
    assert side.server.metrics is not None
    begin = time.process_time() - time.thread_time()
    for _ in range(SCRAPES):
        scrape(side.server.metrics.port)
    return (time.process_time() - time.thread_time() - begin) / SCRAPES


def main() -> None:
    """Print a line for each RPC."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rpcs", nargs="+", choices=list(RPCS), default=list(RPCS))
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--requests", type=int, default=10)
    arguments = parser.parse_args()
    configure("warning")
    with tempfile.TemporaryDirectory() as folder, running_servers(Path(folder)) as start:
        on, off = Side(start(metrics=True, metrics_port=0)), Side(start(metrics=False))
        print(f"{'RPC':10} {'CPU, off':>14}  on against off [95 %]")
        for name in arguments.rpcs:
            result = compare(on, off, RPCS[name], pairs=arguments.pairs, requests=arguments.requests)
            print(f"{name:10} {result}", flush=True)
        print(f"scrape     {1e6 * scrape_seconds(on):12.0f} us")


if __name__ == "__main__":
    main()
