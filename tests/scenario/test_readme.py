"""Checks of the README and the guides: their commands run in order, and the files that the README names exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from factories.ports import free_port
from foreword.errors import ForewordError

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
GUIDES = "".join((ROOT / path).read_text() for path in ("README.md", "deploy/README.md"))
BLOCK = re.compile(r"<!-- test: (run|background) -->\n```(\w+)\n(.*?)```", re.DOTALL)


@pytest.mark.timeout(900)
def test_commands_run_one_after_the_other(tmp_path: Path) -> None:
    port, http_port = free_port(), free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FOREWORD_")},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "FOREWORD_HOME": str(tmp_path / "home"),
        "FOREWORD_PORT": str(port),
        "FOREWORD_HTTP_PORT": str(http_port),
        "FOREWORD_ENDPOINT": f"127.0.0.1:{port}",
    }
    background: list[subprocess.Popen[bytes]] = []
    try:
        blocks = BLOCK.findall(GUIDES)
        assert [kind for kind, _, _ in blocks].count("background") == 1
        for kind, language, text in blocks:
            script = text.replace("source .venv/bin/activate\n", "").replace("50051", str(port))
            script = script.replace("8051", str(http_port))
            script = script.replace("--num-epochs 10", "--num-epochs 2")  # the commands are checked, not the quality
            command = [sys.executable, "-c", script] if language == "python" else ["bash", "-euc", script]
            if kind == "background":
                background.append(subprocess.Popen(command, cwd=tmp_path, env=environment))
                wait_until_it_answers(port)
                continue
            result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
            assert result.returncode == 0, f"{script}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
            assert "Traceback" not in result.stderr
    finally:
        for process in background:
            process.terminate()
            process.wait(60)

    assert (tmp_path / "foreword-home" / "foreword.db").exists()


def wait_until_it_answers(port: int) -> None:
    from foreword.client import Client

    deadline = time.monotonic() + 90
    with Client(f"127.0.0.1:{port}", "dev", timeout_seconds=2.0, retry_seconds=0.0) as client:
        while True:
            try:
                client.who_am_i()
                return
            except ForewordError:
                assert time.monotonic() < deadline, "the service did not start"
                time.sleep(0.2)


def test_every_named_file_exists() -> None:
    named = re.findall(r"[`(]((?:core|plugins|tests|deploy|proto|\.github)/[\w./-]*)[`)]", README)

    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_no_placeholder_is_left() -> None:
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)

    assert re.findall(r"^[A-Z_]{6,}$", prose, flags=re.MULTILINE) == []
