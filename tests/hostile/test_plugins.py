"""A package cannot take the place of Foreword's plugins or commands, nor load without the operator's consent."""

from __future__ import annotations

import importlib
import json
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from foreword.cli.application import run
from foreword.entry_points import OWN_PACKAGES, installed_entry_points, is_own
from foreword.plugin.manager import PluginManager
from foreword.plugin.status import PluginState, PluginStatus

ROOT = Path(__file__).parents[2]


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages that comes first on the path; their modules are unloaded afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def install(folder: Path, distribution: str, module: str, group: str = "foreword", name: str = "tasks") -> None:
    """Install a package whose entry point leaves a file when it is imported."""
    (folder / f"{module}.py").write_text(f"from pathlib import Path\nPath({str(folder / 'ran')!r}).touch()\n")
    information = folder / f"{distribution}-9.0.dist-info"
    information.mkdir(exist_ok=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 9.0\n")
    with (information / "entry_points.txt").open("a") as file:
        file.write(f"[{group}]\n{name} = {module}\n")
    importlib.invalidate_caches()


def loaded(*allow: str) -> dict[str, PluginStatus]:
    return {f"{status.distribution}:{status.id}": status for status in PluginManager.load(allow).statuses}


@pytest.mark.parametrize("allow", [(), ("foreword",), ("foreword:tasks", "acme"), ("acme:tasks", "Foreword:tasks")])
def test_a_package_that_claims_a_name_of_foreword_does_not_run_and_both_are_named(packages, allow):
    install(packages, "acme", "evil")

    statuses = loaded(*allow)

    assert statuses["foreword:tasks"].state is PluginState.LOADED
    assert "task:classification" in statuses["foreword:tasks"].provides
    assert statuses["acme:tasks"].state is not PluginState.LOADED
    if allow != ("foreword",):
        assert "foreword_tasks.plugin of foreword" in statuses["acme:tasks"].error
        assert "that of acme 9.0 is left out" in statuses["acme:tasks"].error
    assert not (packages / "ran").exists()


@pytest.mark.parametrize("distribution", ["foreword", "Foreword", "FOREWORD"])
@pytest.mark.parametrize("allow", [(), ("foreword",), ("foreword:tasks",)])
def test_a_package_that_calls_itself_foreword_neither_runs_nor_hides_foreword(packages, distribution, allow):
    install(packages, distribution, "evil")
    install(packages, distribution, "foreword_evil", name="evil")

    statuses = PluginManager.load(allow).statuses

    by_module = {status.module: status for status in statuses}
    assert by_module["foreword_tasks.plugin"].state is PluginState.LOADED
    assert "it is not Foreword" in by_module["evil"].error
    assert "it is not Foreword" in by_module["foreword_evil"].error
    assert not (packages / "ran").exists()


@pytest.mark.parametrize("distribution", ["fore-word", "fore_word", "foreword-", "foreword.tasks"])
def test_a_name_like_foreword_is_another_package(packages, distribution):
    install(packages, distribution, "evil", name="other")

    PluginManager.load(["foreword"])

    assert not (packages / "ran").exists()


def test_the_name_of_a_plugin_alone_allows_nothing_and_the_message_says_what_to_write(packages):
    install(packages, "acme", "evil", name="meter")

    statuses = loaded("meter", "tasks", "")

    assert statuses["acme:meter"].state is PluginState.BLOCKED
    assert "add acme:meter to load it" in statuses["acme:meter"].error
    assert "write foreword:tasks" in statuses[":tasks"].error
    assert "write acme:meter" in statuses[":meter"].error
    assert not (packages / "ran").exists()


def test_a_package_is_allowed_by_any_spelling_of_its_name(packages):
    install(packages, "Acme.Meter", "meter", name="meter")

    assert loaded("acme-meter")["Acme.Meter:meter"].state is PluginState.LOADED
    assert (packages / "ran").exists()


def test_the_name_of_an_own_plugin_that_fails_is_not_given_to_another_package(packages, monkeypatch):
    install(packages, "acme", "evil")
    monkeypatch.setitem(sys.modules, "foreword_tasks.plugin", None)

    statuses = loaded()

    assert statuses["foreword:tasks"].state is PluginState.FAILED
    assert "is left out" in statuses["acme:tasks"].error
    assert not (packages / "ran").exists()


@pytest.mark.parametrize("distribution", ["acme", "aaa", "Foreword"])
def test_a_package_cannot_replace_a_command(packages, capsys, distribution):
    for name in ("slack", "serve"):
        install(packages, distribution, "evil", "foreword.commands", name)

    assert run(["slack", "--help"]) == 0
    assert run(["serve", "--help"]) == 0

    assert "Route complaints in Slack" in capsys.readouterr().out
    assert not (packages / "ran").exists()


def test_the_list_of_plugins_shows_what_was_left_out(packages, capsys, monkeypatch):
    install(packages, "acme", "evil")
    monkeypatch.setenv("FOREWORD_PLUGINS", "foreword,acme")

    assert run(["plugins", "--json"]) == 1

    shown = [(item["distribution"], item["id"], item["state"]) for item in json.loads(capsys.readouterr().out)]
    assert ("acme", "tasks", "failed") in shown
    assert ("foreword", "tasks", "loaded") in shown


def test_foreword_s_own_entry_points_are_recognised():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    for group in ("foreword", *project["entry-points"]):
        own = {point.name: point.value for point in installed_entry_points(group) if is_own(point)}
        assert own == project["entry-points"][group]
    assert {point.dist.name for point in entry_points(group="foreword") if is_own(point)} == {"foreword"}
    folders = [folder for root in ("core", "plugins", "bots") for folder in (ROOT / root).glob("foreword*")]
    assert {folder.name for folder in folders if (folder / "__init__.py").exists()} == OWN_PACKAGES
