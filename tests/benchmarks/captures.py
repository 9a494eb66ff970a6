"""What capture costs: latency and processor time of a Classify with all requests captured, against none.

    python tests/benchmarks/captures.py [--pairs 300] [--requests 10] [--characters 60]

Two deployments of one server and one model answer the same requests in turns, in short blocks; the order within each
pair of blocks is drawn by chance. The captured requests are redacted and stored meanwhile, in the background. The
benchmark prints the median latency and the processor time of the server per request without capture, of all threads but
that of the client, and the difference with it in percent, with a 95 % interval from a bootstrap over the pairs.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from factories.api import tuned_model
from factories.servers import running_servers
from foreword.client import CapturePolicy, Client
from foreword.observability.logging import configure
from foreword.v1 import inference_service_pb2 as inference

TEXT: Final = "Two screws are missing from the box, and the manual is torn. "
DRAWS: Final = 10_000
WARM: Final = 30


def block(stub: Any, model: str, text: str, requests: int) -> tuple[float, float]:
    """Return the median latency of some requests, and the processor time of the server per request, in seconds."""
    seconds = []
    begin = time.process_time() - time.thread_time()
    for _ in range(requests):
        start = time.perf_counter()
        stub.Classify(inference.ClassifyRequest(model=model, text=text))
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds)), (time.process_time() - time.thread_time() - begin) / requests


def line(name: str, on: np.ndarray, off: np.ndarray) -> str:
    """Return a result: the median without capture, and the median ratio of the pairs."""
    ratios = on / off
    drawn = np.random.default_rng(0).integers(len(ratios), size=(DRAWS, len(ratios)))
    low, high = np.quantile(np.median(ratios[drawn], axis=1), [0.025, 0.975])
    shown = ", ".join(f"{100 * (bound - 1):+.2f}" for bound in (low, high))
    return f"{name:10} {1e6 * np.median(off):12.0f} us  {100 * (np.median(ratios) - 1):+.2f} % [{shown}]"


def main() -> None:
    """Print a line for the latency and one for the processor time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--requests", type=int, default=10)
    parser.add_argument("--characters", type=int, default=60)
    arguments = parser.parse_args()
    configure("warning")
    text = (TEXT * (arguments.characters // len(TEXT) + 1))[: arguments.characters]
    with tempfile.TemporaryDirectory() as folder, running_servers(Path(folder)) as start:
        server = start()
        stubs = server.stubs()
        model = tuned_model(server, stubs)
        with Client(server.endpoint, "dev") as client:
            client.create_deployment(model, serving_name="off")
            client.create_deployment(model, serving_name="on", capture=CapturePolicy(share=1.0, max_requests=100_000))
            figures = np.empty((arguments.pairs, 2, 2))
            for name in ("on", "off"):
                block(stubs.inference, name, text, WARM)
            for pair in range(arguments.pairs):
                sides = ["on", "off"]
                random.shuffle(sides)
                for side in sides:
                    figures[pair, sides_place(side)] = block(stubs.inference, side, text, arguments.requests)
            server.settle_captures()
            stored = len(client.list_captured_requests("on"))
        print(
            f"{'':10} {'off':>14}  on against off [95 %]   ({arguments.pairs} pairs of {arguments.requests} requests)"
        )
        print(line("latency", figures[:, 0, 0], figures[:, 1, 0]))
        print(line("CPU", figures[:, 0, 1], figures[:, 1, 1]))
        print(f"{stored:,} requests were stored")


def sides_place(side: str) -> int:
    """Return the column of a side."""
    return 0 if side == "on" else 1


if __name__ == "__main__":
    main()
