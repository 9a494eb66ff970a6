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


def test_a_description_survives_the_way_to_a_client():
    spec = ParameterSpec(
        name="dose", description="How much.", type="float", minimum=0, maximum=2, default=0.5, unit="grams",
        exclusive_minimum=True,
    )  # fmt: skip

    assert decode_values.parameter_spec(parameter_spec(spec)) == spec
