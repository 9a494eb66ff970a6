"""Plugins from separate folders, installed in the usual way and used by one real service.

`acme` provides a base model, a task and a row validator; `foreword plugins new` writes `fresh` with every kind of item.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from foreword.cli.demo.service import LocalService
from foreword.cli.plugins.kinds import KINDS
from foreword.cli.plugins.package import write_package
from foreword.client import PluginState, TaskOptions, TuneParameters
from foreword.domain.job import JobState
from foreword.errors import InvalidArgumentError

FOLDER = Path(__file__).parents[1] / "integration" / "plugins" / "acme"
ROWS = [{"input": f"please echo word{number}", "output": f"word{number % 3}"} for number in range(30)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed plugins, for PYTHONPATH."""
    target, fresh = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("packages") / "foreword-fresh"
    write_package("fresh", tuple(KINDS), fresh)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", target, FOLDER, fresh], check=True)
    return target


@pytest.fixture(scope="module")
def service(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    with LocalService(tmp_path_factory.mktemp("home"), environment={"PYTHONPATH": str(installed)}) as running:
        yield running


def test_the_service_uses_its_model_task_and_validator(service: LocalService) -> None:
    with service.client() as client:
        report = client.check_dataset([*ROWS, {"input": "now!", "output": "word1"}], task="shout")
        experiment = client.tune(ROWS, display_name="Loud", base_model="acme--tiny", task="shout")
        done = client.wait_for_experiment(experiment)
        client.create_deployment(done.tuned_model, serving_name="loud")
        answer = client.generate("loud", "please echo word1", max_new_tokens=8)

    assert [item.rows for item in report.findings if item.code == "IMPOLITE"] == [(31,)]
    assert done.state is JobState.SUCCEEDED
    assert done.evaluations[0].main_metric == "same"
    assert answer.usage.soft_prompt_tokens == 4


def test_the_service_uses_every_item_of_a_new_package(service: LocalService) -> None:
    with service.client() as client:
        plain = client.generate("fresh--random", "please echo word1", max_new_tokens=4)
        report = client.check_dataset([*ROWS, {"input": "TODO", "output": "word1"}], task="fresh_first_word")
        experiment = client.tune(
            [{**row, "output": f"{row['output'].title()} and more"} for row in ROWS],
            display_name="Fresh",
            base_model="fresh--random",
            task="fresh_first_word",
            task_options=TaskOptions(extra={"keep_case": True}),
            tuning_type="fresh_prompt",
            method_parameters={"spread": 0.5},
            num_epochs=1,
            num_virtual_tokens=6,
        )
        done = client.wait_for_experiment(experiment)
        client.create_deployment(done.tuned_model, serving_name="fresh")
        answer = client.generate("fresh", "please echo word1", max_new_tokens=4)

    assert plain.usage.generated_tokens > 0
    assert [item.rows for item in report.findings if item.code == "PLACEHOLDER"] == [(31,)]
    assert done.state is JobState.SUCCEEDED, done.error
    assert done.evaluations[0].main_metric == "right"
    assert done.task_options.extra == {"keep_case": True}
    assert done.plan.parameters.method_parameters == {"spread": 0.5}
    assert answer.usage.soft_prompt_tokens == 6


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"task_options": TaskOptions(extra={"keep_case": "yes"})}, "tune_experiment.task_options.extra.keep_case"),
        ({"method_parameters": {"spread": 11}}, "tune_experiment.parameters.method_parameters.spread"),
    ],
)
def test_its_options_and_parameters_are_checked_against_its_description(service: LocalService, wrong, field) -> None:
    with service.client() as client:
        dataset = client.upload_dataset(ROWS, display_name="Rows")
        with pytest.raises(InvalidArgumentError) as caught:
            client.create_tune_experiment(
                dataset,
                display_name="Refused",
                base_model="fresh--random",
                task="fresh_first_word",
                tuning_type="fresh_prompt",
                parameters=TuneParameters(method_parameters=wrong.pop("method_parameters", {})),
                validate_only=True,
                **wrong,
            )

    assert [violation.field for violation in caught.value.violations] == [field]


def test_a_broken_plugin_is_reported_and_the_service_keeps_running(service: LocalService) -> None:
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
