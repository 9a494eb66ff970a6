"""The walk-through from Node.js with only the repository's proto files; see `core/examples/node`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from factories.npm import install_packages
from factories.services import sample_rows

NODE = Path(__file__).parents[2] / "core" / "examples" / "node"


@pytest.fixture(scope="module")
def packages() -> None:
    install_packages(NODE)


def test_the_walk_through_works_from_node_with_only_the_proto_files(packages, service, tmp_path: Path) -> None:
    rows = tmp_path / "complaints.jsonl"
    rows.write_text("".join(f"{json.dumps(row)}\n" for row in sample_rows(40)))
    # gRPC for Node.js uses the proxy of the environment even for loopback.
    environment = {
        **os.environ,
        "FOREWORD_ENDPOINT": service.endpoint,
        "FOREWORD_API_KEY": "dev",
        "no_grpc_proxy": "127.0.0.1",
    }

    command = ["node", str(NODE / "walk_through.js"), str(rows)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=180)

    assert result.returncode == 0, result.stderr
    steps = {step.pop("step"): step for step in map(json.loads, result.stdout.splitlines())}
    assert list(steps) == ["upload", "error", "tune", "watch", "deploy", "generate", "stream", "classify"]
    assert steps["upload"]["rows"] == 40
    prefix = "tune_experiment.parameters"
    assert steps["error"] == {
        "code": "INVALID_ARGUMENT",
        "reason": "INVALID_ARGUMENT",
        "domain": "foreword",
        "fields": [f"{prefix}.batch_size", f"{prefix}.num_epochs"],
    }
    assert steps["watch"]["state"] == "STATE_SUCCEEDED"
    assert 0 < steps["watch"]["snapshots"] <= steps["tune"]["planned_updates"]
    assert steps["watch"]["systems"] == ["tuned"]
    assert steps["deploy"]["state"] == "STATE_READY"
    assert steps["generate"]["text"] == steps["stream"]["text"] == ", ".join(steps["classify"]["labels"])
    assert steps["generate"]["usage"]["soft_prompt_tokens"] > 0


def test_the_lock_file_names_no_host() -> None:
    assert "resolved" not in (NODE / "package-lock.json").read_text()
