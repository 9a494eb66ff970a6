"""The walk-through with OpenAI's own client for Node.js; see `core/examples/openai`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from factories.npm import install_packages
from factories.services import http_address, sample_rows

NODE = Path(__file__).parents[2] / "core" / "examples" / "openai"


@pytest.fixture(scope="module")
def packages() -> None:
    install_packages(NODE)


def test_the_walk_through_works_with_the_official_client(packages, service, tmp_path: Path) -> None:
    rows = tmp_path / "complaints.jsonl"
    rows.write_text("".join(f"{json.dumps(row)}\n" for row in sample_rows(40)))
    environment = {**os.environ, "OPENAI_BASE_URL": http_address(service), "OPENAI_API_KEY": "dev"}

    command = ["node", str(NODE / "walk_through.js"), str(rows)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)

    assert result.returncode == 0, result.stderr
    steps = {step.pop("step"): step for step in map(json.loads, result.stdout.splitlines())}
    assert steps["models"] == {"base": True}
    assert steps["upload"] == {"filename": "complaints.jsonl", "status": "processed"}
    assert steps["faulty rows"] == {"status": 400, "param": "file", "code": "dataset_invalid"}
    assert steps["content"] == {"same": True}
    assert steps["cancel"] == {"ends": True}
    tune = steps["tune"]
    assert (tune["status"], tune["error"], tune["last"]) == ("succeeded", None, "The job has succeeded")
    assert tune["model"].startswith("ft:foreword--starter:dev:from-node:")
    assert tune["steps"] > 0
    assert steps["chat"]["text"] == steps["stream"]["text"] != ""
    assert steps["completion"] == {"choices": 2, "tokens": True}
    refusals = {step: (facts["kind"], facts["param"], facts["code"]) for step, facts in list(steps.items())[-3:]}
    assert refusals == {
        "unknown model": ("NotFoundError", "model", "model_not_found"),
        "unsupported": ("BadRequestError", "frequency_penalty", "parameter_unsupported"),
        "wrong key": ("AuthenticationError", None, "invalid_api_key"),
    }
    assert all(facts["id"] for facts in list(steps.values())[-3:])


def test_the_lock_file_names_no_host() -> None:
    assert "resolved" not in (NODE / "package-lock.json").read_text()
