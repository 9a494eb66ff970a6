from __future__ import annotations

import re
from pathlib import Path

import pytest

import foreword_starter.training
from foreword_starter.training.settings import read_settings

FOLDER = Path(foreword_starter.training.__file__).parent


@pytest.mark.parametrize("name", ["cpu.toml", "gpu.toml"])
def test_the_settings_that_come_along_are_readable(name):
    assert read_settings(FOLDER / name).steering.minutes > 0


def test_an_unknown_value_is_named_with_what_there_is(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text((FOLDER / "cpu.toml").read_text() + "\n[loop]\n")

    with pytest.raises(ValueError, match=r"no table is called loop; there are data, .*pool"):
        read_settings(file)

    file.write_text((FOLDER / "cpu.toml").read_text().replace("slots", "places"))

    with pytest.raises(ValueError, match=r"\[pool\] knows no places; it has .*slots"):
        read_settings(file)


def test_a_missing_value_is_named(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text(re.sub(r"slots = \d+\n", "", (FOLDER / "cpu.toml").read_text()))

    with pytest.raises(ValueError, match=r"\[pool\] .*slots"):
        read_settings(file)


def test_shares_that_leave_nothing_are_refused(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text(re.sub(r"matching_share = .*", "matching_share = 0.9", (FOLDER / "cpu.toml").read_text()))

    with pytest.raises(ValueError, match=r"\[mixture\] .* add up to 1\.05; 1 is the most"):
        read_settings(file)
