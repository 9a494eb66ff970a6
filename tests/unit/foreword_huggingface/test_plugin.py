from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from factories.hugging_face import write_model
from foreword.errors import FailedPreconditionError, NotFoundError
from foreword.plugin.manager import PluginManager
from foreword.plugin.status import PluginState
from foreword_huggingface.settings import VARIABLE

_POINT = EntryPoint(name="huggingface", value="foreword_huggingface.plugin", group="foreword")


def _load(monkeypatch: pytest.MonkeyPatch, models: str) -> PluginManager:
    monkeypatch.setenv(VARIABLE, models)
    return PluginManager([_POINT])


def test_without_a_setting_it_offers_nothing(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)

    (status,) = PluginManager([_POINT]).statuses

    assert (status.state, status.provides, status.left_out) == (PluginState.LOADED, (), ())


def test_a_model_that_cannot_be_offered_is_left_out_by_name_and_the_others_are_offered(tmp_path, monkeypatch):
    good = write_model(tmp_path / "good", "gpt2")

    manager = _load(monkeypatch, f"{tmp_path}/gone, team/good={good}, no//id")

    (status,) = manager.statuses
    assert status.provides == ("base model:team--good",)
    assert len(status.left_out) == 2
    assert manager.base_model("team/good").spec.id == "team--good"
    with pytest.raises(FailedPreconditionError, match=r"gone contains no config\.json") as raised:
        manager.base_model("gone")
    assert raised.value.reason == "BASE_MODEL_LEFT_OUT"
    with pytest.raises(NotFoundError):
        manager.base_model("never-named")
