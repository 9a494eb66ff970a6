"""OpenAI's interface as `foreword serve` starts, watches and stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import openai
import pytest

from factories.services import children, http_address
from factories.studio import Browser
from factories.waiting import wait_until
from foreword.cli.demo.service import LocalService

BASE = "baseModels/foreword--starter"


@pytest.fixture
def ai(service: LocalService):
    options = {"base_url": http_address(service), "api_key": "dev"}
    with openai.OpenAI(**options, http_client=openai.DefaultHttpxClient(trust_env=False)) as client:
        yield client


def http_processes(service: LocalService) -> list[int]:
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in children(service.pid)}
    return [pid for pid, line in lines.items() if b"http" in line]


def test_a_process_of_http_that_dies_is_replaced_at_the_same_address(service: LocalService, ai: openai.OpenAI) -> None:
    assert BASE in [model.id for model in ai.models.list()]
    (first,) = http_processes(service)

    os.kill(first, signal.SIGKILL)
    # The address stays open: this request waits for the next process.
    answer = ai.completions.create(model=BASE, prompt="Hello", max_tokens=2)

    assert answer.choices
    (second,) = http_processes(service)
    assert second != first
    assert "http_ended" in service.log


def test_the_process_of_http_loads_neither_torch_nor_a_database(service: LocalService, ai: openai.OpenAI) -> None:
    ai.models.list()
    (pid,) = http_processes(service)

    maps = Path(f"/proc/{pid}/maps").read_text()

    assert "libtorch" not in maps
    assert "sqlalchemy" not in maps.lower()


def test_pages_name_the_port_that_the_service_was_given(service: LocalService) -> None:
    port = int(http_address(service).rpartition(":")[2].partition("/")[0])
    with Browser(port, "dev") as browser:
        page = browser.submit("/tenants/dev/lab", {"do": "code", "mode": "freeform", "text": "Hello", "model": BASE})

    assert service.endpoint in page


def test_http_alone_calls_a_service_at_its_endpoint(service: LocalService, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "foreword", "http", "--port", "0", "--endpoint", service.endpoint]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FOREWORD_")}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        wait_until(lambda: b"HTTP is ready at" in (tmp_path / "log").read_bytes())
        port = (tmp_path / "log").read_text().partition("127.0.0.1:")[2].partition(",")[0]
        with openai.OpenAI(
            base_url=f"http://127.0.0.1:{port}/v1",
            api_key="dev",
            http_client=openai.DefaultHttpxClient(trust_env=False),
        ) as ai:
            assert ai.models.retrieve(BASE).id == BASE
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
