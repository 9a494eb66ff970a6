"""A plugin from a separate folder, installed as anybody would, brings a base model, a task and a row validator."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from foreword.cli.demo.service import LocalService
from foreword.client import PluginState
from foreword.domain.experiment import ExperimentState

FOLDER = Path(__file__).parents[1] / "integration" / "plugins" / "acme"
ROWS = [{"input": f"please echo word{number}", "output": f"word{number % 3}"} for number in range(30)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed plugin, for PYTHONPATH."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", target, FOLDER], check=True)
    return target


@pytest.fixture(scope="module")
def service(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    with LocalService(tmp_path_factory.mktemp("home"), environment={"PYTHONPATH": str(installed)}) as running:
        yield running


def test_its_model_task_and_validator_do_their_work(service: LocalService) -> None:
    with service.client() as client:
        report = client.check_dataset([*ROWS, {"input": "now!", "output": "word1"}], task="shout")
        experiment = client.tune(ROWS, display_name="Loud", base_model="acme--tiny", task="shout")
        done = client.wait_for_experiment(experiment)
        client.create_deployment(done.tuned_model, serving_name="loud")
        answer = client.generate("loud", "please echo word1", max_new_tokens=8)

    assert [item.rows for item in report.findings if item.code == "IMPOLITE"] == [(31,)]
    assert done.state is ExperimentState.SUCCEEDED
    assert done.evaluations[0].main_metric == "same"
    assert answer.usage.soft_prompt_tokens == 4


def test_a_broken_neighbour_is_named_and_the_service_runs_on(service: LocalService) -> None:
    with service.client() as client:
        plugins = {plugin.id: plugin for plugin in client.list_plugins()}

    assert plugins["acme"].distribution == "acme-foreword"
    assert plugins["acme"].version == "1.2.3"
    assert "task:shout" in plugins["acme"].provides
    assert plugins["acme_broken"].state is PluginState.FAILED
    assert "flux capacitor" in plugins["acme_broken"].error


def test_foreword_plugins_lists_them_without_a_service(installed: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "foreword", "plugins"],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert shown.returncode == 1, "scripts want to know that a plugin failed"
    assert "acme-foreword 1.2.3" in " ".join(shown.stdout.split())
    assert "flux capacitor" in shown.stdout
