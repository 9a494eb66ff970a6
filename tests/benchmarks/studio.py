"""The figures of the studio, as JSON: its pages, streams and memory.

    python tests/benchmarks/studio.py [--runs 10000] [--rows 1000000] [--only PART ...]

Starts a real service in a temporary home and stores runs in its database. On a machine that does other work, times say
little: the CPU time of the processes and the ratios of calls that were made in turns say more. PARTS that need
chromium and chromium-driver are left out without them. `studio_recovery.py` measures what follows a killed service.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import studio_in_chromium as in_chromium
from studio_contents import Contents

from factories.chromium import StudioBrowser
from factories.services import children, http_address
from factories.studio import Browser
from factories.waiting import wait_until
from foreword import Client
from foreword.cli.demo.service import LocalService

BASE = "baseModels/foreword--starter"
TEXT = "Where are the two extra sheets that belong to my order?"
TICK = os.sysconf("SC_CLK_TCK")


class Studio:
    """A service with its studio, and this process as its user.

    Args:
        service: The service, without workers.
        runs: Length of the list of runs.
        rows: Rows of the large dataset.
    """

    def __init__(self, service: LocalService, client: Client, *, runs: int, rows: int) -> None:
        self.service, self.client = service, client
        self.port = int(http_address(service).rpartition(":")[2].partition("/")[0])
        wait_until(lambda: bool(children(service.pid)))
        (self.pid,) = children(service.pid)
        self.contents = Contents(service.home, client)
        self.runs, self.rows = runs, rows

    def browser(self) -> Browser:
        """Return a browser without a screen, signed in."""
        return Browser(self.port, "dev")

    def processor_seconds(self) -> tuple[float, float]:
        """Return the processor time of HTTP and of the server so far."""
        return _processor_seconds(self.pid), _processor_seconds(self.service.pid)

    def resident_mebibytes(self) -> float:
        """Return the resident size of the process of HTTP."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def pages(studio: Studio, requests: int = 60) -> dict[str, Any]:
    """Measure pages of a tenant with many runs, long curves and a large dataset."""
    contents = studio.contents
    long = [contents.ended(f"Long {number}", points=5_000) for number in range(20)]
    contents.copy(contents.ended("Copied", points=10), studio.runs)
    with tempfile.TemporaryDirectory() as folder:
        large = contents.large(studio.rows, Path(folder))
    ids = [run.rpartition("/")[2] for run in long]
    with studio.browser() as browser:
        listed = "/tenants/dev/tuneExperiments"
        page, deep = browser.page(listed), listed
        for _ in range(min(199, studio.runs // 50)):
            deep = f"{listed}{_next(page)}"
            page = browser.page(deep)
        paths = {
            "home": "/tenants/dev/",
            f"list of {studio.runs:,} runs, page 1": listed,
            f"list of {studio.runs:,} runs, page {min(200, studio.runs // 50 + 1)}": deep,
            f"list of {studio.runs:,} runs, by name": f"{listed}?name=Copied",
            "datasets": "/tenants/dev/datasets",
            f"dataset of {studio.rows:,} rows": f"/{large}",
            f"dataset of {studio.rows:,} rows, the last": f"/{large}?row={studio.rows}",
            "run of 5,000 snapshots": f"/{long[0]}",
            "20 runs of 5,000 snapshots": f"/tenants/dev/compare?{'&'.join(f'e={id}' for id in ids)}",
            "new experiment": f"{listed}/new?dataset={contents.dataset.rpartition('/')[2]}",
            "lab": "/tenants/dev/lab",
        }
        return {name: _page(studio, browser, path, requests) for name, path in paths.items()}


def _page(studio: Studio, browser: Browser, path: str, requests: int) -> dict[str, float]:
    content = browser.page(path).encode()
    seconds, before = [], studio.processor_seconds()
    for _ in range(requests):
        began = time.perf_counter()
        browser.page(path)
        seconds.append(time.perf_counter() - began)
    http, server = (
        1000 * (now - then) / requests for now, then in zip(studio.processor_seconds(), before, strict=True)
    )
    return {
        "median_ms": round(1000 * median(seconds), 1),
        "p95_ms": round(1000 * sorted(seconds)[int(0.95 * requests)], 1),
        "cpu_http_ms": round(http, 1),
        "cpu_server_ms": round(server, 1),
        "bytes": len(content),
        "gzipped": len(gzip.compress(content)),
    }


def _next(page: str) -> str:
    return page.split('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")


def first_token(studio: Studio, requests: int = 60, tokens: int = 60) -> dict[str, float]:
    """Measure a stream of the lab and the same stream over gRPC, in turns."""
    fields = {
        "do": "run", "mode": "freeform", "model": BASE, "gets": "all", "text": TEXT, "input": TEXT,
        "max_new_tokens": str(tokens), "min_new_tokens": str(tokens),
    }  # fmt: skip
    first: dict[str, list[float]] = {"grpc": [], "lab": []}
    whole: dict[str, list[float]] = {"grpc": [], "lab": []}
    used = 0.0
    with studio.browser() as browser:
        for _ in range(requests):
            began, seen = time.perf_counter(), False
            for _piece in studio.client.stream_generate(BASE, TEXT, max_new_tokens=tokens, min_new_tokens=tokens):
                if not seen:
                    first["grpc"].append(time.perf_counter() - began)
                    seen = True
            whole["grpc"].append(time.perf_counter() - began)
            before, _ = studio.processor_seconds()
            began, seen = time.perf_counter(), False
            headers = {"hx-request": "true"}
            with browser.stream("POST", "/tenants/dev/lab", data=fields, headers=headers) as stream:
                for line in stream.iter_lines():
                    if not seen and 'hx-target="#said-' in line:
                        first["lab"].append(time.perf_counter() - began)
                        seen = True
            whole["lab"].append(time.perf_counter() - began)
            used += studio.processor_seconds()[0] - before
    return {
        "first_token_grpc_ms": round(1000 * median(first["grpc"]), 1),
        "first_token_lab_ms": round(1000 * median(first["lab"]), 1),
        "added_to_first_token_ms": round(1000 * (median(first["lab"]) - median(first["grpc"])), 1),
        "whole_stream_ratio": round(median(whole["lab"]) / median(whole["grpc"]), 3),
        "cpu_http_ms_per_token": round(1000 * used / requests / tokens, 2),
    }


def watchers(studio: Studio, count: int = 50, requests: int = 300) -> dict[str, float]:
    """Measure inference without and with live pages of a run that goes on, in turns, and the memory of the pages."""
    seconds: dict[bool, list[float]] = {False: [], True: []}
    with studio.contents.going_on("Watched", 0.25) as run, studio.browser() as browser:
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        at_rest = studio.resident_mebibytes()
        with_pages, http_cpu = at_rest, 0.0
        for turn in range(6):
            watched, opened = turn % 2 == 1, []
            if watched:
                opened = [_Follower(studio.port, f"/{run}/live", cookie) for _ in range(count)]
                wait_until(lambda: all(follower.received for follower in opened))  # noqa: B023 - ends before it changes
            before = studio.processor_seconds()[0]
            began_turn = time.perf_counter()
            for _ in range(requests // 3):
                began = time.perf_counter()
                studio.client.generate(BASE, TEXT, max_new_tokens=4)
                seconds[watched].append(time.perf_counter() - began)
            if watched:
                with_pages = max(with_pages, studio.resident_mebibytes())
                http_cpu = (studio.processor_seconds()[0] - before) / (time.perf_counter() - began_turn)
            for follower in opened:
                follower.close()
    without, live = (sorted(seconds[watched]) for watched in (False, True))
    return {
        "watchers": count,
        "generate_median_ms": round(1000 * median(without), 1),
        "median_ratio": round(median(live) / median(without), 3),
        "p99_ratio": round(live[int(0.99 * len(live))] / without[int(0.99 * len(without))], 3),
        "cpu_http_cores": round(http_cpu, 2),
        "http_at_rest_mib": round(at_rest, 1),
        "http_with_watchers_mib": round(with_pages, 1),
        "kib_a_watcher": round(1024 * (with_pages - at_rest) / count),
    }


class _Follower:
    """A live page: a connection whose events are read and thrown away."""

    def __init__(self, port: int, path: str, cookie: str) -> None:
        self.received = 0
        self._socket = socket.create_connection(("127.0.0.1", port))
        head = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncookie: {cookie}\r\n\r\n"
        self._socket.sendall(head.encode())
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while content := self._socket.recv(65_536):
                self.received += len(content)
        except OSError:
            pass  # it was closed

    def close(self) -> None:
        """Close the page."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def browsers(studio: Studio) -> dict[str, Any]:
    """Measure what only a browser can show."""
    contents = studio.contents
    run = contents.queued("Seen")
    home = "/tenants/dev/"
    with in_chromium.chromium() as driver:
        browser = StudioBrowser(driver, f"http://127.0.0.1:{studio.port}")
        first = in_chromium.first_visits(browser, "/sign-in", slower=1)
        browser.sign_in("dev")
        paths = {
            "home": home,
            "datasets": f"{home}datasets",
            "dataset": f"/{contents.dataset}",
            "experiments": f"{home}tuneExperiments",
            "run": f"/{run}",
            "new experiment": f"{home}tuneExperiments/new?dataset={contents.dataset.rpartition('/')[2]}",
            "deployments": f"{home}deployments",
            "lab": f"{home}lab",
            "settings": f"{home}settings",
            "keys": f"{home}apiKeys",
        }
        return {
            "first visit, sign-in": first,
            "first visit, home": in_chromium.first_visits(browser, home, slower=1),
            "first visit, lab": in_chromium.first_visits(browser, f"{home}lab", slower=1),
            "first visit, home, processor 4 times slower": in_chromium.first_visits(browser, home, slower=4),
            "axe": in_chromium.accessibility(browser, paths),
            "tabs": in_chromium.tabs(browser, f"/{run}"),
            "snapshot on screen": in_chromium.snapshots_on_screen(browser, contents),
        }


def stop(studio: Studio) -> dict[str, float]:
    """Stop the service by SIGTERM while live pages are open."""
    run = studio.contents.queued("Stopped")
    with studio.browser() as browser:
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    followers = [_Follower(studio.port, f"/{run}/live", cookie) for _ in range(20)]
    wait_until(lambda: all(follower.received for follower in followers))
    began = time.perf_counter()
    studio.service.stop()
    return {"open_streams": len(followers), "seconds": round(time.perf_counter() - began, 2)}


PARTS: Mapping[str, Callable[[Studio], Any]] = {
    "browsers": browsers,
    "first_token": first_token,
    "watchers": watchers,
    "pages": pages,
    "stop": stop,  # last: it stops the service
}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    arguments = parser.parse_args()
    environment = {"FOREWORD_HTTP": "true", "FOREWORD_HTTP_PORT": "0", "FOREWORD_WORKERS": "0"}
    found: dict[str, Any] = {"load_average_before": os.getloadavg()[0]}
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="foreword-studio-")))
        service = stack.enter_context(LocalService(home, environment=environment))
        client = stack.enter_context(service.client())
        studio = Studio(service, client, runs=arguments.runs, rows=arguments.rows)
        for name, measure in PARTS.items():
            if name == "browsers" and not (shutil.which("chromium") and shutil.which("chromedriver")):
                continue
            if name in arguments.only:
                found[name] = measure(studio)
                print(f"{name}: done", file=sys.stderr, flush=True)
    print(json.dumps({**found, "load_average_after": os.getloadavg()[0]}, indent=2))


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


if __name__ == "__main__":
    main()
