"""The plugin manager: which plugins load, which are refused, and with which message."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, EntryPoint, entry_points, version
from pathlib import Path
from textwrap import dedent

import pytest

from foreword.errors import NotFoundError
from foreword.plugin.manager import PluginManager
from foreword.plugin.status import PluginState


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to import plugin modules from; the modules are unloaded afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write_plugin(folder: Path, name: str, body: str, distribution: str = "") -> EntryPoint:
    """Write a module and return its entry point, installed from version 1.0 of the distribution if one is given."""
    (folder / f"{name}.py").write_text("from foreword.plugin import hookimpl\n" + dedent(body))
    if not distribution:
        return EntryPoint(name=name, value=name, group="foreword")
    information = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[foreword]\n{name} = {name}\n")
    (point,) = Distribution.at(information).entry_points
    return point


VALIDATOR = """
    from foreword.plugin.interfaces import RowValidator

    class Nothing(RowValidator):
        description = "Finds nothing."
        def __init__(self, id):
            self.id = id
        def start(self, context):
            return None

    @hookimpl
    def register_row_validators(register):
        for id in "{id}".split():
            register.add(Nothing(id))
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


def test_an_item_of_two_plugins_is_left_out_of_the_later_one_and_the_other_items_of_both_load(folder: Path) -> None:
    first = write_plugin(folder, "first", VALIDATOR.format(id="same one"), "first-dist")
    second = write_plugin(folder, "second", VALIDATOR.format(id="same two"), "second-dist")

    for found in ([first, second], [second, first]):
        manager = PluginManager(found)

        assert [status.state for status in manager.statuses] == [PluginState.LOADED, PluginState.LOADED]
        assert manager.row_validators.owner("same") == "first"
        assert set(manager.row_validators.items) == {"same", "one", "two"}
        assert manager.statuses[0].left_out == ()
        (reason,) = manager.statuses[1].left_out
        assert "second (second-dist 1.0) provides the row validator 'same'" in reason
        assert "first (first-dist 1.0)" in reason
        assert "Rename it in second" in reason


def test_a_built_in_plugin_always_keeps_its_names(folder: Path) -> None:
    built_in = list(entry_points(group="foreword"))
    foreign = write_plugin(folder, "aaa", VALIDATOR.format(id="duplicates mine"), "acme")

    for found in ([foreign, *built_in], [*built_in, foreign]):
        manager = PluginManager(found)

        assert all(status.state is PluginState.LOADED for status in manager.statuses)
        assert manager.row_validators.owner("duplicates") == "validators"
        (status,) = [status for status in manager.statuses if status.id == "aaa"]
        assert status.provides == ("row validator:mine",)
        assert "validators (foreword " in status.left_out[0]
        assert "aaa (acme 1.0)" in status.left_out[0]


def test_a_plugin_with_the_name_of_a_built_in_one_is_left_out_and_the_built_in_one_stays(folder: Path) -> None:
    foreign = EntryPoint(name="validators", value="mine", group="foreword")
    write_plugin(folder, "mine", VALIDATOR.format(id="mine"))

    manager = PluginManager([foreign, *entry_points(group="foreword")])

    states = {status.module: status for status in manager.statuses}
    assert states["foreword_validators.plugin"].state is PluginState.LOADED
    assert "duplicates" in manager.row_validators.items
    assert states["mine"].state is PluginState.FAILED
    assert (
        f"foreword_validators.plugin of foreword {version('foreword')} is also called validators"
        in states["mine"].error
    )


def test_a_base_model_cannot_take_a_name_or_alias_of_another(folder: Path) -> None:
    point = write_plugin(
        folder,
        "aaa",
        """
        from dataclasses import replace
        from foreword.testing.tiny_models import TinyModel
        from foreword.domain.base_model import Architecture

        class Named(TinyModel):
            @property
            def spec(self):
                return replace(super().spec, id=self.name, aliases=("starter", "mine"))

        @hookimpl
        def register_base_models(register):
            for name in ("starter", "aaa--model"):
                model = Named(Architecture.CAUSAL)
                model.name = name
                register.add(model)
        """,
    )
    manager = PluginManager([point, *entry_points(group="foreword")])

    assert manager.base_model("starter").spec.id == "foreword--starter"
    assert manager.base_model("mine").spec.id == "aaa--model"
    (status,) = [status for status in manager.statuses if status.id == "aaa"]
    assert status.provides == ("base model:aaa--model",)
    assert len(status.left_out) == 2
    assert "another name of 'foreword--starter'" in status.left_out[0]


def test_nothing_remains_of_a_plugin_that_fails_half_way(folder: Path) -> None:
    point = write_plugin(
        folder,
        "half",
        VALIDATOR.format(id="half") + "\n    @hookimpl\n    def register_tuning_methods(register):\n        1 / 0\n",
    )

    manager = PluginManager([point])

    assert "ZeroDivisionError" in manager.statuses[0].error
    assert manager.row_validators.get("half") is None


def test_only_plugins_on_the_allow_list_load_and_missing_ones_are_reported(folder: Path) -> None:
    one = write_plugin(folder, "one", VALIDATOR.format(id="one"), "one-dist")
    two = write_plugin(folder, "two", VALIDATOR.format(id="two"), "two-dist")

    manager = PluginManager([one, two], allow=["two-dist:two", "three"])

    assert {status.id: status.state for status in manager.statuses} == {
        "one": PluginState.BLOCKED,
        "two": PluginState.LOADED,
        "three": PluginState.FAILED,
    }
    assert manager.row_validators.get("one") is None


def test_an_exception_in_a_lifecycle_hook_is_only_logged(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    point = write_plugin(folder, "grumpy", "@hookimpl\ndef experiment_finished(experiment): raise ValueError('no')")
    manager = PluginManager([point])

    manager.experiment_finished(None)

    assert "experiment_finished" in caplog.text


def test_base_models_are_found_by_id_resource_name_and_alias() -> None:
    manager = PluginManager.load(aliases={"flan-t5": "foreword--starter"})

    for name in ("foreword--starter", "baseModels/foreword--starter", "foreword/starter", "starter", "flan-t5"):
        assert manager.base_model(name).spec.id == "foreword--starter"


def test_the_error_about_an_unknown_base_model_lists_the_installed_ones() -> None:
    with pytest.raises(NotFoundError, match="foreword--starter"):
        PluginManager.load().base_model("gpt-9")
