"""The packages of `plugins/examples` install, pass their own tests and work in a real service."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from foreword.cli.demo.service import LocalService
from foreword.client import Client

PLUGINS = Path(__file__).parents[2] / "plugins"
EXAMPLES = sorted(path.parent for path in (PLUGINS / "examples").glob("*/pyproject.toml"))
ROWS = [{"input": f"Complaint {number}", "output": "Service"} for number in range(1, 13)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed packages, for PYTHONPATH."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", target, *EXAMPLES], check=True)
    return target


@pytest.fixture(scope="module")
def usage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("usage") / "usage.db"


@pytest.fixture(scope="module")
def client(installed: Path, usage: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    environment = {"PYTHONPATH": str(installed), "USAGE_METER_DATABASE": str(usage)}
    with LocalService(tmp_path_factory.mktemp("home"), environment=environment) as running, running.client() as client:
        yield client


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_each_package_passes_its_own_tests(example: Path, installed: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", example, example / "tests"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout


def test_customer_numbers_in_rows_are_reported(client: Client) -> None:
    report = client.check_dataset([*ROWS, {"input": "I am C-204117", "output": "Service"}])

    (finding,) = [finding for finding in report.findings if finding.code == "CUSTOMER_NUMBER"]
    assert finding.rows == (13,)


def test_the_tokens_of_a_tenant_are_counted(client: Client, usage: Path) -> None:
    answers = [client.generate("foreword--starter", "Where is my order?", max_new_tokens=3) for _ in range(2)]
    counted = wait_for_requests(usage, len(answers))

    assert counted == (
        "dev",
        sum(answer.usage.input_tokens for answer in answers),
        sum(answer.usage.generated_tokens for answer in answers),
    )


def wait_for_requests(usage: Path, count: int) -> tuple[str, int, int]:
    """Return tenant and tokens once `count` requests were counted: the hook runs after the answer."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if usage.exists():
            with closing(sqlite3.connect(usage, timeout=10)) as database:
                (requests, *counted) = database.execute(
                    "SELECT sum(requests), min(tenant), sum(input_tokens), sum(generated_tokens) FROM usage"
                ).fetchone()
            if requests == count:
                return tuple(counted)
        time.sleep(0.1)
    raise AssertionError(f"{count} requests were not counted")


def test_the_guide_points_to_every_example() -> None:
    guide = (PLUGINS / "README.md").read_text()

    assert EXAMPLES
    assert [path.name for path in EXAMPLES if f"](examples/{path.name}/README.md)" not in guide] == []
