"""The main job of a user: time to start, to tune and to classify, and the peak memory of server and worker.

    python tests/benchmarks/service.py [--epochs N] [--runs 3]

The benchmark starts a real service in a temporary home for every run and prints the median of each figure.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from factories.services import children
from foreword.cli.demo.service import LocalService
from foreword.client import TuneParameters
from foreword.samples import load_rows, sample_path

_REQUESTS = 100


def peak_mebibytes(pid: int) -> float:
    """Return the largest resident size of a process so far."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise LookupError(pid)


def measure(epochs: int) -> dict[str, float]:
    """Measure one run: start, tune, deploy, classify."""
    with tempfile.TemporaryDirectory() as home:
        started = time.perf_counter()
        with LocalService(Path(home)) as service, service.client() as client:
            figures = {"start, s": time.perf_counter() - started}
            dataset = client.upload_dataset(sample_path("complaints"), display_name="complaints")
            parameters = TuneParameters(num_epochs=epochs, refit=False)
            run = client.create_tune_experiment(dataset, display_name="benchmark", parameters=parameters)
            started = time.perf_counter()
            done = client.wait_for_experiment(run)
            figures["tune and evaluate, s"] = time.perf_counter() - started
            speeds = [item.examples_per_second for item in client.get_tune_experiment(done).snapshots]
            figures["tuning, rows/s"] = median(speeds)
            client.create_deployment(done.tuned_model, serving_name="benchmark")
            texts = [row["input"] for row in load_rows("complaints_unseen")]
            seconds = []
            for number in range(_REQUESTS):
                started = time.perf_counter()
                client.classify("benchmark", texts[number % len(texts)])
                seconds.append(time.perf_counter() - started)
            figures["classify, median ms"] = 1000 * median(seconds[10:])
            figures["classify, p95 ms"] = 1000 * sorted(seconds[10:])[int(0.95 * (_REQUESTS - 10))]
            processes = [service.pid, *children(service.pid)]
            figures["peak memory of server and worker, MiB"] = sum(map(peak_mebibytes, processes))
    return figures


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    runs = []
    for number in range(arguments.runs):
        runs.append(measure(arguments.epochs))
        print(f"run {number + 1}:", {name: round(value, 1) for name, value in runs[-1].items()}, flush=True)
    print(f"median of {arguments.runs}")
    for name in runs[0]:
        print(f"    {name:40} {median(run[name] for run in runs):10.1f}")


if __name__ == "__main__":
    main()
