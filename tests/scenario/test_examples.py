"""The examples in `core/examples` run as their first lines describe."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from foreword.cli.demo.service import LocalService
from foreword.samples import sample_path

EXAMPLES = Path(__file__).parents[2] / "core" / "examples"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with the sample complaints, as `foreword data sample` writes them."""
    path = tmp_path_factory.mktemp("examples")
    shutil.copy(sample_path("complaints"), path)
    return path


def run(service: LocalService, folder: Path, *arguments: str) -> str:
    """Run an example in `folder` and return its output."""
    environment = {**os.environ, "FOREWORD_ENDPOINT": service.endpoint, "FOREWORD_API_KEY": "dev"}
    command = [sys.executable, str(EXAMPLES / arguments[0]), *arguments[1:]]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def quickstart(service: LocalService, folder: Path) -> str:
    """The output of the quickstart, whose deployment the other examples use."""
    return run(service, folder, "quickstart.py", "complaints.jsonl")


def test_the_quickstart_tunes_draws_its_curve_deploys_and_answers(quickstart: str, folder: Path) -> None:
    lines = quickstart.splitlines()

    assert any("updates, about" in line for line in lines)
    assert any(line.startswith("tuned {") for line in lines)
    assert (folder / "curve.png").stat().st_size > 10_000
    assert lines[-1].startswith("(")


@pytest.mark.usefixtures("quickstart")
def test_concurrent_requests_are_answered_in_order_and_one_is_streamed(service: LocalService, folder: Path) -> None:
    lines = run(service, folder, "concurrent_requests.py").splitlines()

    assert len(lines) == 5
    assert lines[0].endswith("Two screws are missing from the box.")
    assert lines[4]


def test_every_example_is_listed() -> None:
    guide = (EXAMPLES / "README.md").read_text()
    examples = {path.name for path in EXAMPLES.iterdir()} - {"README.md", "__pycache__"}

    assert [name for name in sorted(examples) if f"]({name})" not in guide] == []
