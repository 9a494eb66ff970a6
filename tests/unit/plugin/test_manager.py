"""The plugin manager: what loads, what is refused, and how it says so."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from textwrap import dedent

import pytest

from foreword.errors import NotFoundError
from foreword.plugin.manager import PluginManager, PluginState


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to import plugin modules from; what was imported is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write_plugin(folder: Path, name: str, body: str) -> EntryPoint:
    (folder / f"{name}.py").write_text("from foreword.plugin import hookimpl\n" + dedent(body))
    return EntryPoint(name=name, value=name, group="foreword")


VALIDATOR = """
    from foreword.plugin.interfaces import RowValidator

    class Nothing(RowValidator):
        id = "{id}"
        description = "Finds nothing."
        def start(self, context):
            return None

    @hookimpl
    def register_row_validators(register):
        register.add(Nothing())
"""


def test_built_in_plugins_load_through_their_entry_points() -> None:
    manager = PluginManager.load()

    states = {status.id: status.state for status in manager.statuses}
    assert {states[name] for name in ("starter", "tasks", "validators", "methods")} == {PluginState.LOADED}
    assert manager.base_model("foreword--starter").spec.tunable
    assert {"classification", "generation"} <= set(manager.tasks.items)
    assert "prompt_tuning" in manager.tuning_methods.items
    assert len(manager.row_validators.items) > 5


def test_a_plugin_that_raises_is_named_and_the_others_load(folder: Path) -> None:
    bad = write_plugin(folder, "bad", "raise ImportError('no module named numpyy')")
    good = write_plugin(folder, "good", VALIDATOR.format(id="nothing"))

    manager = PluginManager([bad, good])

    assert [status.state for status in manager.statuses] == [PluginState.FAILED, PluginState.LOADED]
    assert "numpyy" in manager.statuses[0].error
    assert manager.statuses[1].provides == ("row validator:nothing",)


def test_a_misspelt_hook_is_refused_by_name(folder: Path) -> None:
    point = write_plugin(folder, "typo", "@hookimpl\ndef register_taks(register): ...")

    manager = PluginManager([point])

    assert manager.statuses[0].state is PluginState.FAILED
    assert "register_taks" in manager.statuses[0].error
    assert "register_tasks" in manager.statuses[0].error


def test_a_duplicate_name_is_refused_and_both_claimants_are_named(folder: Path) -> None:
    first = write_plugin(folder, "first", VALIDATOR.format(id="same"))
    second = write_plugin(folder, "second", VALIDATOR.format(id="same"))

    manager = PluginManager([first, second])

    assert manager.statuses[1].state is PluginState.FAILED
    assert "first" in manager.statuses[1].error
    assert "second" in manager.statuses[1].error
    assert manager.row_validators.owner("same") == "first"


def test_a_plugin_that_fails_half_way_leaves_nothing_behind(folder: Path) -> None:
    point = write_plugin(
        folder,
        "half",
        VALIDATOR.format(id="half") + "\n    @hookimpl\n    def register_tuning_methods(register):\n        1 / 0\n",
    )

    manager = PluginManager([point])

    assert "ZeroDivisionError" in manager.statuses[0].error
    assert manager.row_validators.get("half") is None


def test_the_allow_list_decides_and_names_what_it_cannot_find(folder: Path) -> None:
    one = write_plugin(folder, "one", VALIDATOR.format(id="one"))
    two = write_plugin(folder, "two", VALIDATOR.format(id="two"))

    manager = PluginManager([one, two], allow=["two", "three"])

    assert {status.id: status.state for status in manager.statuses} == {
        "one": PluginState.BLOCKED,
        "two": PluginState.LOADED,
        "three": PluginState.FAILED,
    }
    assert manager.row_validators.get("one") is None


def test_a_lifecycle_hook_that_raises_reaches_nobody(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    point = write_plugin(folder, "grumpy", "@hookimpl\ndef experiment_finished(experiment): raise ValueError('no')")
    manager = PluginManager([point])

    manager.notify("experiment_finished", experiment=None)

    assert "experiment_finished" in caplog.text


def test_base_models_answer_to_id_resource_name_and_aliases() -> None:
    manager = PluginManager.load(aliases={"flan-t5": "foreword--starter"})

    for name in ("foreword--starter", "baseModels/foreword--starter", "foreword/starter", "starter", "flan-t5"):
        assert manager.base_model(name).spec.id == "foreword--starter"


def test_an_unknown_base_model_is_answered_with_those_installed() -> None:
    with pytest.raises(NotFoundError, match="foreword--starter"):
        PluginManager.load().base_model("gpt-9")
