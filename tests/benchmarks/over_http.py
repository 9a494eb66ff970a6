"""What HTTP costs: time of an answer, and memory with many streams, slow readers and after them.

    python tests/benchmarks/over_http.py [--requests 200] [--streams 500] [--rounds 3]

The benchmark starts a real service in a temporary home. Times are medians of the same call, made in turns
with the Python client over gRPC and with a raw connection over HTTP. Memory is the resident size of a process, in MiB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from factories.services import children, http_address
from factories.waiting import wait_until
from foreword.cli.demo.service import LocalService

BASE = "baseModels/foreword--starter"
TEXT = "Where are the two extra sheets that belong to my order?"


def resident_mebibytes(pid: int) -> float:
    """Return the resident size of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def request_bytes(port: int, path: str, body: dict[str, Any] | None) -> bytes:
    """Return a whole request."""
    content = b"" if body is None else json.dumps(body).encode()
    verb = "GET" if body is None else "POST"
    head = (
        f"{verb} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer dev\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def measure_times(service: LocalService, port: int, requests: int) -> dict[str, float]:
    """Measure one short answer, over gRPC and over HTTP in turns."""
    body = json.dumps({"model": BASE, "prompt": TEXT, "max_tokens": 1}).encode()
    headers = {"authorization": "Bearer dev", "content-type": "application/json"}
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    seconds: dict[str, list[float]] = {"gRPC": [], "HTTP": []}
    with service.client() as client:
        for _ in range(requests + 20):
            began = time.perf_counter()
            client.generate(BASE, TEXT, max_new_tokens=1)
            seconds["gRPC"].append(time.perf_counter() - began)
            began = time.perf_counter()
            connection.request("POST", "/v1/completions", body, headers)
            answer = connection.getresponse()
            answer.read()
            seconds["HTTP"].append(time.perf_counter() - began)
            assert answer.status == 200
    connection.close()
    middle = {name: 1000 * median(values[20:]) for name, values in seconds.items()}
    return {
        "Generate over gRPC, median ms": middle["gRPC"],
        "the same over HTTP, median ms": middle["HTTP"],
        "added by HTTP, ms": middle["HTTP"] - middle["gRPC"],
    }


async def read_streams(port: int, count: int) -> int:
    """Open streams at once, read all of them, and return how many were whole."""
    body = {"model": BASE, "messages": [{"role": "user", "content": TEXT}], "stream": True, "max_tokens": 32}

    async def one(number: int) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        options = {"temperature": 1.5, "seed": number}
        writer.write(request_bytes(port, "/v1/chat/completions", {**body, **options}))
        content = await reader.read()
        writer.close()
        return b"data: [DONE]" in content

    return sum(await asyncio.gather(*(one(number) for number in range(count))))


async def hold_downloads(port: int, path: str, count: int, pid: int) -> float:
    """Begin downloads that nobody reads, and return the growth of the process after a while."""
    before = resident_mebibytes(pid)
    connections = []
    for _ in range(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(request_bytes(port, path, None))
        connections.append((reader, writer))
    await asyncio.sleep(4)
    growth = resident_mebibytes(pid) - before
    for _, writer in connections:
        writer.transport.abort()
    return growth


def big_file(service: LocalService) -> tuple[str, float]:
    """Store a file and return its address and its size in MiB."""
    rows = [{"input": f"{number} " + "word " * 2_000, "output": f"answer {number % 7}"} for number in range(4_000)]
    with service.client() as client:
        dataset = client.upload_dataset(rows, display_name="big", task="generation")
    return f"/v1/files/file-{dataset.name.rpartition('/')[2]}/content", dataset.byte_size / 2**20


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    environment = {"FOREWORD_HTTP": "true", "FOREWORD_HTTP_PORT": "0", "FOREWORD_WORKERS": "0"}
    with tempfile.TemporaryDirectory() as home, LocalService(Path(home), environment=environment) as service:
        port = int(http_address(service).rpartition(":")[2].partition("/")[0])
        wait_until(lambda: bool(children(service.pid)))
        (pid,) = children(service.pid)
        for name, value in measure_times(service, port, arguments.requests).items():
            print(f"    {name:45} {value:8.2f}", flush=True)
        print(f"    {'memory of HTTP at rest, MiB':45} {resident_mebibytes(pid):8.1f}", flush=True)
        for number in range(arguments.rounds):
            whole = asyncio.run(read_streams(port, arguments.streams))
            time.sleep(1)
            sizes = f"HTTP {resident_mebibytes(pid):.1f}, server {resident_mebibytes(service.pid):.1f} MiB"
            print(f"    after {arguments.streams} streams, round {number + 1}: {whole} whole, {sizes}", flush=True)
        path, size = big_file(service)
        growth = asyncio.run(hold_downloads(port, path, 20, pid))
        print(f"    {f'growth with 20 unread downloads of {size:.0f} MiB':45} {growth:8.1f}", flush=True)


if __name__ == "__main__":
    main()
