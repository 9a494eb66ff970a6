"""The time and the memory of checks and uploads.

    python tests/benchmarks/checks.py [--megabytes 200] [--rows 10000]

The benchmark starts a real service in a temporary home for every kind of rows. It checks and uploads a file of
`--rows` rows three times, then checks and uploads one of `--megabytes`. Memory is that of the server process: at rest,
the peak, and a few seconds after the last upload. Times are also stated as a ratio to parsing the same file with
`json.loads` in this process.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from statistics import median

from foreword.cli.demo.service import LocalService
from foreword.client import Client

_REPEATS = 3
_REST_SECONDS = 5.0
_TEXT = "the parcel was left in the rain and the box arrived with a broken lid so please send another one soon"
_WORDS = tuple(_TEXT.split())


def sentence(number: int, length: int) -> str:
    """Return a text of some words that differs from that of every other number."""
    return f"{number}: " + " ".join(
        _WORDS[(number * 7 + place * (1 + number % 5)) % len(_WORDS)] for place in range(length)
    )


def labelled(number: int) -> tuple[str, str]:
    """Return a short complaint with one or two of 20 labels."""
    label = f"Department {number % 20}"
    return sentence(number, 30), f"{label}, Department {(number + 1) % 20}" if number % 5 == 0 else label


def replied(number: int) -> tuple[str, str]:
    """Return a text with an answer of its own."""
    return sentence(number, 60), sentence(number * 3, 30)


def tiny(number: int) -> tuple[str, str]:
    """Return the shortest rows that a large file can have: a million of them."""
    return f"{sentence(number, 25)}", f"{number % 97}"


KINDS: dict[str, Callable[[int], tuple[str, str]]] = {"labelled": labelled, "replied": replied, "tiny": tiny}


def lines(make: Callable[[int], tuple[str, str]]) -> Iterator[bytes]:
    """Yield JSON lines without end."""
    for number in count(1):
        text, output = make(number)
        yield json.dumps({"input": text, "output": output}).encode() + b"\n"


def write_file(path: Path, make: Callable[[int], tuple[str, str]], *, rows: int = 0, byte_count: int = 0) -> int:
    """Write a file of some rows or some bytes, and return its number of rows."""
    written = size = 0
    with path.open("wb") as file:
        for line in lines(make):
            if (rows and written == rows) or (byte_count and size + len(line) > byte_count) or written == 1_000_000:
                return written
            file.write(line)
            written, size = written + 1, size + len(line)
    raise AssertionError


def parse_seconds(path: Path) -> float:
    """Return the time to parse a file line by line."""
    begin = time.perf_counter()
    with path.open("rb") as file:
        for line in file:
            json.loads(line)
    return time.perf_counter() - begin


def mebibytes(pid: int, field: str) -> float:
    """Return a figure of `/proc/PID/status`, such as VmRSS."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(pid)


def timed(call: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def check(client: Client, path: Path) -> object:
    """Check a file."""
    return client.check_dataset(path)


def upload(client: Client, path: Path) -> object:
    """Upload a file."""
    return client.upload_dataset(path, display_name="benchmark")


def run(kind: str, *, rows: int, megabytes: int) -> None:
    """Measure one kind of rows."""
    make = KINDS[kind]
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small.jsonl", Path(folder) / "large.jsonl"
        write_file(small, make, rows=rows)
        count = write_file(large, make, byte_count=megabytes * 1_000_000)
        with LocalService(Path(folder) / "home") as service, service.client() as client:
            server = service.pid
            for name, act in (("check", check), ("upload", upload)):
                act(client, small)
                seconds = median(timed(lambda act=act: act(client, small)) for _ in range(_REPEATS))  # type: ignore[misc]
                print(
                    f"{kind}: {name} of {rows:,} rows: {seconds:.2f} s, {seconds / parse_seconds(small):.1f} x parsing"
                )
            for name, act in (("check", check), ("upload", upload)):
                rest = mebibytes(server, "VmRSS")
                Path(f"/proc/{server}/clear_refs").write_text("5")
                seconds = timed(lambda act=act: act(client, large))  # type: ignore[misc]
                peak = mebibytes(server, "VmHWM")
                time.sleep(_REST_SECONDS)
                left = mebibytes(server, "VmRSS")
                print(
                    f"{kind}: {name} of {count:,} rows, {large.stat().st_size / 1e6:.0f} MB: {seconds:.1f} s, "
                    f"{seconds / parse_seconds(large):.1f} x parsing; server: {rest:.0f} MiB before, "
                    f"{peak:.0f} MiB at the peak, {left:.0f} MiB after",
                    flush=True,
                )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    arguments = parser.parse_args()
    for kind in arguments.kinds:
        run(kind, rows=arguments.rows, megabytes=arguments.megabytes)


if __name__ == "__main__":
    main()
