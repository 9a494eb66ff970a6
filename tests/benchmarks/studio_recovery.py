"""How long the page of a live run is stale after the service behind it was killed and answers again.

    python tests/benchmarks/studio_recovery.py [ROUNDS]

Starts `foreword serve --dev`, opens the page of a queued run in Chromium, kills the service with SIGKILL, starts it
again, and prints the time from its first answer over gRPC until the page is connected again. Needs chromium and
chromium-driver.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from foreword import Client
from foreword.errors import ForewordError
from foreword.samples import sample_path

PORT, HTTP_PORT = 50_961, 8_961
ENDPOINT = f"127.0.0.1:{PORT}"
STUDIO = f"http://127.0.0.1:{HTTP_PORT}"
PATIENCE_SECONDS = 120.0


def foreword(*arguments: str) -> subprocess.Popen[bytes]:
    """Start a command of Foreword in a process of its own."""
    environment = {**os.environ, "FOREWORD_HTTP_PORT": str(HTTP_PORT), "FOREWORD_METRICS": "false"}
    return subprocess.Popen(
        [sys.executable, "-m", "foreword", *arguments],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for(condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> float:
    """Return the time at which a condition holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return time.monotonic()
        time.sleep(0.02)
    raise SystemExit("the service or the page did not come back in time")


def answers() -> bool:
    """Return whether the service answers."""
    try:
        with Client(ENDPOINT, api_key="dev", retry_seconds=0, timeout_seconds=1) as client:
            client.who_am_i()
    except ForewordError:
        return False
    return True


def measure(driver: webdriver.Chrome, home: Path, rounds: int) -> list[float]:
    """Return the seconds of each round."""
    serve = ("serve", "--dev", "--home", str(home), "--port", str(PORT), "--workers", "0")
    found: list[float] = []
    service = foreword(*serve)
    wait_for(answers)
    with Client(ENDPOINT, api_key="dev") as client:
        dataset = client.upload_dataset(sample_path("complaints"), display_name="Recovery")
        run = client.create_tune_experiment(dataset.name, display_name="Recovery").name
    _open(driver, run)
    for _ in range(rounds):
        service.kill()
        service.wait()
        wait_for(lambda: not _connected(driver))
        service = foreword(*serve)
        back = wait_for(answers)
        found.append(max(0.0, wait_for(lambda: _connected(driver)) - back))
    service.terminate()
    service.wait()
    return found


def _open(driver: webdriver.Chrome, path: str) -> None:
    """Open a page, signed in with the key of `--dev`, and wait until it follows its run."""
    wait_for(_studio_answers)
    driver.get(f"{STUDIO}/sign-in")
    driver.find_element("id", "api_key").send_keys("dev\n")
    wait_for(lambda: "/tenants/" in driver.current_url)
    driver.get(f"{STUDIO}/{path}")
    wait_for(lambda: driver.execute_script("return Boolean(document.getElementById('experiment')?._htmx?.sse)"))


def _studio_answers() -> bool:
    """Return whether the studio listens."""
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", HTTP_PORT)) == 0


def _connected(driver: webdriver.Chrome) -> bool:
    """Return whether the page says that the service is there."""
    return bool(driver.execute_script("return document.getElementById('away').hidden"))


def main() -> None:
    """Print the figures."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    options = webdriver.ChromeOptions()
    for argument in ("--headless", "--no-sandbox", "--disable-gpu"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        with tempfile.TemporaryDirectory(prefix="foreword-recovery-") as home:
            seconds = measure(driver, Path(home), rounds)
        print(f"the page is whole again after {', '.join(f'{item:.1f}' for item in seconds)} s")
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
