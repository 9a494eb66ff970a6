"""Suggestions for unknown names."""

from __future__ import annotations

import pytest

from foreword.domain.near_names import did_you_mean
from foreword.domain.parameters import ParameterSpec, check_values
from foreword.domain.violations import Violations
from foreword.errors import InvalidArgumentError

KNOWN = ("learning_rate", "batch_size", "num_epochs")
DOSE = ParameterSpec(name="dose", type="int", description="A dose.")


@pytest.mark.parametrize("name", ["learning_rat", "learnig_rate", "learning-rate"])
def test_a_misspelt_name_gets_the_nearest_known_one(name: str) -> None:
    assert did_you_mean(name, KNOWN) == ". Did you mean 'learning_rate'?"


@pytest.mark.parametrize("name", ["rate", "x", "", "learning_rate" * 8])
def test_a_name_that_resembles_none_or_is_very_long_gets_no_suggestion(name: str) -> None:
    assert did_you_mean(name, KNOWN) == ""


def faults(names: list[str]) -> list[str]:
    violations = Violations()
    check_values(violations, [DOSE], dict.fromkeys(names, 1), field="parameters", owner="the method m")
    with pytest.raises(InvalidArgumentError) as caught:
        violations.check()
    return [item.description for item in caught.value.violations]


def test_an_unknown_parameter_gets_a_suggestion_unless_there_are_very_many() -> None:
    assert faults(["dos"]) == ["is unknown; the method m has dose (an int). Did you mean 'dose'?"]
    assert not any("Did you mean" in fault for fault in faults([f"dos{number}" for number in range(9)]))
