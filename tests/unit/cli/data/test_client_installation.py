"""`foreword data` with nothing but the packages of the client."""

from __future__ import annotations

import subprocess
import sys

from foreword.samples import sample_path

ONLY_OF_THE_SERVICE = [
    *("alembic", "cachetools", "cryptography", "fsspec", "matplotlib", "numpy", "pandas", "peft", "prometheus_client"),
    *("pyarrow", "pydantic", "pydantic_settings", "safetensors", "sqlalchemy", "starlette", "structlog", "torch"),
    "transformers",
]
PROGRAM = """
import sys
for name in {absent}:
    sys.modules[name] = None  # an import raises ModuleNotFoundError
from foreword.cli.application import run
for arguments in {calls}:
    print("status", run(arguments))
"""


def test_files_are_checked_and_divided_without_the_packages_of_the_service(tmp_path):
    file = str(sample_path("complaints"))
    training, held_out = str(tmp_path / "train.jsonl"), str(tmp_path / "held_out.csv")
    calls = [
        ["data", "check", file],
        ["data", "diff", file, file],
        ["data", "fix", file, "--dry-run"],
        ["data", "split", file, "--out-train", training, "--out-held-out", held_out],
    ]
    program = PROGRAM.format(absent=ONLY_OF_THE_SERVICE, calls=calls)

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.stdout.count("status 0") == len(calls), done.stdout + done.stderr
    assert "263 of 263 rows can be used" in done.stdout
