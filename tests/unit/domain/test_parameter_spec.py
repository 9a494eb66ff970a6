"""How a parameter describes itself, and that the description survives the way to a client."""

from __future__ import annotations

import pytest

from foreword.client import decode_values
from foreword.domain.parameters import ParameterSpec
from foreword.server.convert.parameters import parameter_spec


@pytest.mark.parametrize(
    ("limits", "value", "fault"),
    [
        ({"minimum": 0, "maximum": 2}, 0.0, None),
        ({"minimum": 0, "maximum": 2}, 2.1, "must be in [0, 2], not 2.1"),
        ({"minimum": 0, "maximum": 2, "exclusive_minimum": True}, 0.0, "must be in (0, 2], not 0"),
        ({"minimum": 0, "exclusive_minimum": True}, 0.0, "must be above 0, not 0"),
        ({"minimum": 0, "exclusive_minimum": True}, 0.1, None),
        ({"minimum": 1}, 0.0, "must be at least 1, not 0"),
        ({"maximum": 1}, float("inf"), "must be at most 1, not inf"),
        ({}, float("nan"), "must be finite, not nan"),
    ],
)
def test_a_range_says_what_it_excludes(limits, value: float, fault: str | None):
    assert ParameterSpec(name="x", description="", type="float", **limits).fault(value) == fault


@pytest.mark.parametrize(
    ("spec", "value", "fault"),
    [
        ({"type": "int", "minimum": 1, "maximum": 3}, "2", "must be an int in [1, 3], not '2'"),
        ({"type": "int"}, True, "must be an int, not True"),
        ({"type": "float", "maximum": 1}, None, "must be a float at most 1, not None"),
        ({"type": "bool"}, 1, "must be true or false, not 1"),
        ({"type": "string", "choices": ("a", "b")}, "c", "must be one of a, b, not 'c'"),
        ({"type": "string_list"}, ["a", 1], "must be a list of strings, not ['a', 1]"),
        ({"type": "string_list", "choices": ("a", "b")}, ["a", "c"], "must be a list of a, b, not ['a', 'c']"),
        ({"type": "string_list", "choices": ("a", "b")}, ["b", "a"], None),
    ],
)
def test_a_value_of_the_wrong_type_or_beside_the_choices_is_told_what_is_allowed(spec, value, fault: str | None):
    assert ParameterSpec(name="x", description="", **spec).fault(value) == fault


def test_a_description_survives_the_way_to_a_client():
    spec = ParameterSpec(
        name="dose", description="How much.", type="float", minimum=0, maximum=2, default=0.5, unit="grams",
        exclusive_minimum=True,
    )  # fmt: skip

    assert decode_values.parameter_spec(parameter_spec(spec)) == spec
