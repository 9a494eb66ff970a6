"""What a tenant waits for while another one floods the service, per RPC.

    python tests/benchmarks/floods.py [--rpcs Tokenize GetDataset] [--in-flight 100] [--seconds 8]

The benchmark starts a real service on loopback in a temporary home. One tenant, the victim, makes one call after the
other: alone, while one other tenant keeps `--in-flight` calls of the same RPC under way, and while 20 other tenants
share the same number of calls. It prints the median and the 99th percentile in milliseconds, and the ratio of the 99th
percentiles of flood and spread load. With wrong keys, the victim classifies; the load has no tenant, so that the spread
load comes from 20 connections instead of one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import grpc

from foreword.cli.demo.service import LocalService
from foreword.client.proxy import DIRECT
from foreword.domain.tenant import Scope
from foreword.samples import load_rows
from foreword.storage.database import Database
from foreword.storage.repositories.tenants import TenantRepository
from foreword.v1 import (
    dataset_service_pb2,
    dataset_service_pb2_grpc,
    inference_service_pb2,
    inference_service_pb2_grpc,
    tune_experiment_pb2,
    tune_experiment_service_pb2,
    tune_experiment_service_pb2_grpc,
)

MODEL = "baseModels/foreword--starter"
SPREAD = 20
TIMEOUT_SECONDS = 60
TEXT = " ".join(row["input"] for row in load_rows("complaints"))[:3000]
LABELS = ("Planning", "Development", "Service", "Warehouse", "Packaging", "Marketing")


def rows(count: int) -> bytes:
    """Return a file with rows in JSONL, all different."""
    samples = load_rows("complaints")
    lines = []
    for number in range(count):
        row = samples[number % len(samples)]
        lines.append(json.dumps({"input": f"{number}: {row['input']}", "output": row["output"]}))
    return "\n".join(lines).encode()


FILES = {"small": rows(200), "large": rows(2000)}


class Caller:
    """The calls of one tenant over its own connection."""

    def __init__(self, endpoint: str, key: str, dataset: str) -> None:
        self.channel = grpc.aio.insecure_channel(endpoint, (*DIRECT, ("grpc.use_local_subchannel_pool", 1)))
        self._metadata = (("authorization", f"Bearer {key}"),)
        self._dataset = dataset
        self._datasets: Any = dataset_service_pb2_grpc.DatasetServiceStub(self.channel)
        self._inference: Any = inference_service_pb2_grpc.InferenceServiceStub(self.channel)
        self._experiments: Any = tune_experiment_service_pb2_grpc.TuneExperimentServiceStub(self.channel)

    def _call(self, method: Any, request: Any) -> Awaitable[Any]:
        answer: Awaitable[Any] = method(request, metadata=self._metadata, timeout=TIMEOUT_SECONDS)
        return answer

    def tokenize(self) -> Awaitable[Any]:
        return self._call(self._inference.Tokenize, inference_service_pb2.TokenizeRequest(model=MODEL, text=TEXT))

    def classify(self) -> Awaitable[Any]:
        request = inference_service_pb2.ClassifyRequest(model=MODEL, text=TEXT[:300], labels=LABELS)
        return self._call(self._inference.Classify, request)

    def get_dataset(self) -> Awaitable[Any]:
        return self._call(self._datasets.GetDataset, dataset_service_pb2.GetDatasetRequest(name=self._dataset))

    def list_dataset_rows(self) -> Awaitable[Any]:
        request = dataset_service_pb2.ListDatasetRowsRequest(name=self._dataset, page_size=200)
        return self._call(self._datasets.ListDatasetRows, request)

    def upload_dataset(self) -> Awaitable[Any]:
        return self._send(self._datasets.UploadDataset, dataset_service_pb2.UploadDatasetRequest, FILES["small"])

    def check_dataset(self) -> Awaitable[Any]:
        return self._send(self._datasets.CheckDataset, dataset_service_pb2.CheckDatasetRequest, FILES["large"])

    def plan(self) -> Awaitable[Any]:
        experiment = tune_experiment_pb2.TuneExperiment(display_name="flood", dataset=self._dataset)
        request = tune_experiment_service_pb2.CreateTuneExperimentRequest(
            tune_experiment=experiment, validate_only=True
        )
        return self._call(self._experiments.CreateTuneExperiment, request)

    def _send(self, method: Any, message: Any, content: bytes) -> Awaitable[Any]:
        header = dataset_service_pb2.DatasetHeader(display_name="flood")
        messages = [message(header=header)]
        messages += [message(chunk=content[start : start + 2**19]) for start in range(0, len(content), 2**19)]
        return self._call(method, iter([*messages, message(end=len(content))]))


RPCS: dict[str, tuple[Callable[[Caller], Awaitable[Any]], Callable[[Caller], Awaitable[Any]]]] = {
    "Tokenize": (Caller.tokenize, Caller.tokenize),
    "Classify": (Caller.classify, Caller.classify),
    "GetDataset": (Caller.get_dataset, Caller.get_dataset),
    "ListDatasetRows": (Caller.list_dataset_rows, Caller.list_dataset_rows),
    "UploadDataset": (Caller.upload_dataset, Caller.upload_dataset),
    "CheckDataset": (Caller.check_dataset, Caller.check_dataset),
    "CreateTuneExperiment": (Caller.plan, Caller.plan),
    "WrongKeys": (Caller.get_dataset, Caller.classify),
}
"""The call of the load and that of the victim, by name of the RPC."""


def main() -> None:
    """Run the benchmark, or the load of one measurement in a process of its own."""
    if sys.argv[1:] == ["load"]:
        asyncio.run(load(**json.loads(sys.stdin.readline())))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rpcs", nargs="+", choices=RPCS, default=list(RPCS))
    parser.add_argument("--in-flight", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=8.0)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as home,
        LocalService(Path(home), environment={"FOREWORD_WORKERS": "0"}) as service,
    ):
        tenants = [f"tenant-{number}" for number in range(SPREAD + 1)]
        keys = make_keys(Path(home), tenants)
        datasets = asyncio.run(make_datasets(service.endpoint, keys))
        print(f"{'':22}{'alone':>16}{'flood':>16}{'spread':>16}   ms (median, p99); flood/spread; calls of the load")
        for name in arguments.rpcs:
            measure(service.endpoint, name, keys, datasets, arguments.in_flight, arguments.seconds)


def make_keys(home: Path, tenants: Sequence[str]) -> list[str]:
    """Create the tenants and return a key of each."""
    database = Database(home / "foreword.db")
    repository = TenantRepository(database)
    keys = []
    for tenant in tenants:
        repository.create_tenant(tenant)
        keys.append(repository.create_api_key(tenant, "flood", (Scope.WRITE, Scope.READ, Scope.INFER))[1])
    database.close()
    return keys


async def make_datasets(endpoint: str, keys: Sequence[str]) -> list[str]:
    """Upload a dataset for each key and return the names."""
    names = []
    for key in keys:
        caller = Caller(endpoint, key, "")
        names.append((await caller.upload_dataset()).dataset.name)
        await caller.classify()
        await caller.channel.close()
    return names


def measure(endpoint: str, name: str, keys: list[str], datasets: list[str], in_flight: int, seconds: float) -> None:
    """Measure one RPC and print its line."""
    if name == "WrongKeys":
        wrong = [f"fw_{number:016x}_{'x' * 43}" for number in range(SPREAD)]
        loads = {"alone": ([], []), "flood": (wrong[:1], datasets[:1]), "spread": (wrong, datasets[:SPREAD])}
    else:
        loads = {"alone": ([], []), "flood": (keys[:1], datasets[:1]), "spread": (keys[:SPREAD], datasets[:SPREAD])}
    found: dict[str, tuple[float, float]] = {}
    counts = {}
    for kind, (load_keys, load_datasets) in loads.items():
        with loading(endpoint, name, load_keys, load_datasets, in_flight) as counts[kind]:
            caller = RPCS[name][1]
            found[kind] = asyncio.run(waits(endpoint, keys[SPREAD], datasets[SPREAD], caller, seconds))
    times = "".join(f"{median:7.0f} {p99:8.0f}" for median, p99 in found.values())
    ratio = found["flood"][1] / found["spread"][1]
    print(f"{name:22}{times}   {ratio:5.2f}; {counts['flood']}; {counts['spread']}", flush=True)


async def waits(
    endpoint: str, key: str, dataset: str, call: Callable[[Caller], Awaitable[Any]], seconds: float
) -> tuple[float, float]:
    """Return the median and the 99th percentile of the victim's calls, in milliseconds."""
    caller = Caller(endpoint, key, dataset)
    await call(caller)
    taken = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken) < 5:
        begin = time.perf_counter()
        await call(caller)
        taken.append(1000 * (time.perf_counter() - begin))
    await caller.channel.close()
    taken.sort()
    return taken[len(taken) // 2], taken[int(0.99 * (len(taken) - 1) + 0.5)]


@contextmanager
def loading(
    endpoint: str, name: str, keys: Sequence[str], datasets: Sequence[str], in_flight: int
) -> Iterator[dict[str, int]]:
    """Keep calls under way in another process while the block runs. Its end fills the yielded counts by outcome."""
    counts: dict[str, int] = {}
    if not keys:
        yield counts
        return
    process = subprocess.Popen(
        [sys.executable, __file__, "load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    orders = {"endpoint": endpoint, "name": name, "keys": keys, "datasets": datasets, "in_flight": in_flight}
    process.stdin.write(json.dumps(orders) + "\n")
    process.stdin.flush()
    process.stdout.readline()
    try:
        yield counts
    finally:
        process.stdin.close()
        counts.update(json.loads(process.stdout.readline()))
        process.wait()


async def load(endpoint: str, name: str, keys: list[str], datasets: list[str], in_flight: int) -> None:
    """Keep calls under way until standard input closes; then print the number of calls by outcome."""
    call = RPCS[name][0]
    callers = [Caller(endpoint, key, dataset) for key, dataset in zip(keys, datasets, strict=True)]
    counts: Counter[str] = Counter()

    async def repeat(caller: Caller) -> None:
        while True:
            try:
                await call(caller)
                counts["OK"] += 1
            except grpc.aio.AioRpcError as error:
                counts[error.code().name] += 1

    tasks = [asyncio.create_task(repeat(callers[number % len(callers)])) for number in range(in_flight)]
    await asyncio.sleep(1.0)
    counts.clear()
    print("begun", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps(counts), flush=True)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.gather(*(caller.channel.close() for caller in callers))


if __name__ == "__main__":
    main()
