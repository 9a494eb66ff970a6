"""Every hook is documented and fires, and a fault in one plugin does not affect the others."""

from __future__ import annotations

import ast
import inspect
import logging
from pathlib import Path

import pytest

import foreword
from factories.logs import captured_logs
from factories.plugins import make_plugin
from foreword.errors import InternalError, PermissionDeniedError
from foreword.plugin import spec
from foreword.plugin.loader import RegisterHooks
from foreword.plugin.manager import PluginManager
from foreword.plugin.status import PluginState

HOOKS = {name: hook for name, hook in vars(spec).items() if hasattr(hook, "foreword_spec")}
README = Path(__file__).parents[3] / "plugins" / "README.md"


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_documents_when_it_fires_and_its_arguments(name):
    text = inspect.getdoc(HOOKS[name])

    assert ". Fires " in text.splitlines()[0]
    for argument in inspect.signature(HOOKS[name]).parameters:
        assert f"\n    {argument}: " in text
    assert f"`{name}`" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_method_with_the_same_parameters(name):
    calls = RegisterHooks if name.startswith("register_") else PluginManager

    (_, *parameters) = inspect.signature(getattr(calls, name), eval_str=False).parameters.values()

    assert parameters == list(inspect.signature(HOOKS[name], eval_str=False).parameters.values())


def test_every_hook_is_fired_somewhere():
    """Other tests check that hooks fire with experiments and in the engine; this one checks that none is forgotten."""
    folder = Path(foreword.__file__).parent
    fired = {
        node.attr
        for room in ("scheduling", "server", "plugin")
        for path in (folder / room).rglob("*.py")
        if path.name != "manager.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }

    assert set(HOOKS) <= fired


def test_a_plugin_that_raises_does_not_stop_the_notification_of_others(caplog: pytest.LogCaptureFixture):
    def grumble(outcome):
        raise ValueError("no")

    notified = []
    manager = PluginManager(
        [
            make_plugin("first", after_generate=lambda outcome: notified.append("first")),
            make_plugin("grumpy", after_generate=grumble),
            make_plugin("last", after_generate=lambda call, outcome: notified.append("last")),
        ]
    )

    with caplog.at_level(logging.ERROR):
        manager.after_generate(None, None)

    assert sorted(notified) == ["first", "last"]
    assert "grumpy" in caplog.text


def test_each_plugin_receives_the_text_as_the_previous_one_changed_it():
    manager = PluginManager(
        [
            make_plugin("mask", before_generate=lambda text: text.replace("ANNA", "X")),
            make_plugin("look", before_generate=lambda call, text: None),
            make_plugin("upper", before_generate=lambda text: text.upper()),
        ]
    )

    assert manager.before_generate(None, "Anna is here") == "X IS HERE"


@pytest.mark.parametrize("wrong", [lambda text: 1 / 0, lambda text: 42])
def test_an_unchanged_text_is_never_used_after_a_plugin_failed(wrong):
    manager = PluginManager([make_plugin("wrong", before_generate=wrong)])

    with captured_logs() as logs, pytest.raises(InternalError, match="plugin wrong failed") as raised:
        manager.before_generate(None, "Anna")
    (entry,) = logs
    assert entry["error_id"] == raised.value.error_id
    assert (entry["plugin"], entry["hook"], entry["exc_info"]) == ("wrong", "before_generate", True)


def test_a_plugin_may_refuse_a_text():
    def refuse(text):
        raise PermissionDeniedError("No names, please.")

    manager = PluginManager([make_plugin("strict", before_generate=refuse)])

    with pytest.raises(PermissionDeniedError, match="No names"):
        manager.before_generate(None, "Anna")


def test_a_wrapper_around_a_lifecycle_hook_is_refused_because_it_would_never_run():
    def around(text):
        yield

    point = make_plugin("around", before_generate=around)
    __import__("sys").modules["made_around"].before_generate.foreword_impl["wrapper"] = True

    (status,) = PluginManager([point]).statuses

    assert status.state is PluginState.FAILED
    assert "wrapper" in status.error
