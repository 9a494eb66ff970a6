from __future__ import annotations

import re
from pathlib import Path

import pytest

import foreword_starter.training
from foreword_starter.training.settings import read_settings

FOLDER = Path(foreword_starter.training.__file__).parent


@pytest.mark.parametrize("name", ["cpu.toml", "gpu.toml"])
def test_the_shipped_settings_can_be_read(name):
    assert read_settings(FOLDER / name).steering.minutes > 0


def test_an_unknown_key_is_named_with_the_known_ones(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text((FOLDER / "cpu.toml").read_text() + "\n[loop]\n")

    with pytest.raises(ValueError, match=r"has unknown tables: loop\. Remove them or use these: data, .*pool"):
        read_settings(file)

    file.write_text((FOLDER / "cpu.toml").read_text().replace("slots", "places"))

    with pytest.raises(ValueError, match=r"\[pool\] has unknown keys: places\. Remove them or use these: .*slots"):
        read_settings(file)


def test_a_missing_value_is_named(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text(re.sub(r"slots = \d+\n", "", (FOLDER / "cpu.toml").read_text()))

    with pytest.raises(ValueError, match=r"\[pool\] .*slots"):
        read_settings(file)


def test_shares_above_one_are_refused(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text(re.sub(r"matching_share = .*", "matching_share = 0.9", (FOLDER / "cpu.toml").read_text()))

    with pytest.raises(ValueError, match=r"\[mixture\] .* add up to 1\.05\. Lower them to at most 1"):
        read_settings(file)
