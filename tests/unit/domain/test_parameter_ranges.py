"""The ranges that the .proto files promise are those that are checked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from foreword.config import Settings
from foreword.domain.dataset import MAX_DATASET_BYTES
from foreword.domain.parameters import TUNE_PARAMETER_SPECS, ParameterSpec

PROTO = Path(__file__).parents[3] / "proto" / "foreword" / "v1" / "tune_parameters.proto"
NUMERIC = [spec for spec in TUNE_PARAMETER_SPECS if spec.type in ("int", "float")]


def promised(name: str) -> tuple[float, float | None]:
    """The range in the comment of a field; no upper end where that is the model's."""
    found = re.search(rf"((?:  //.*\n)+)  optional \w+ {name} =", PROTO.read_text(encoding="utf-8"))
    assert found, f"{name} is no field"
    ends = re.search(r"Range \[([^,]+), ([^])]+)([])])", found[1])
    assert ends, f"the comment of {name} has no range"
    low, high, end = ends.groups()
    if "the model's context" in high:
        return float(low), None
    base, _, power = high.partition("^")
    value = float(base) ** float(power or 1)
    return float(low), value - 1 if end == ")" else value


@pytest.mark.parametrize("spec", NUMERIC, ids=lambda spec: spec.name)
def test_a_field_promises_the_range_that_is_checked(spec: ParameterSpec):
    assert promised(spec.name) == (spec.minimum, spec.maximum)


@pytest.mark.parametrize("spec", [spec for spec in TUNE_PARAMETER_SPECS if spec.choices], ids=lambda spec: spec.name)
def test_a_field_names_the_values_that_are_taken(spec: ParameterSpec):
    comment = re.search(rf"((?:  //.*\n)+)  optional string {spec.name} =", PROTO.read_text(encoding="utf-8"))

    assert comment
    assert [choice for choice in spec.choices if f"`{choice}`" not in comment[1]] == []


@pytest.mark.parametrize("spec", NUMERIC, ids=lambda spec: spec.name)
def test_the_ends_of_a_range_belong_to_it_and_no_number_beyond(spec: ParameterSpec):
    assert spec.minimum is not None
    assert spec.fault(spec.minimum if spec.type == "float" else int(spec.minimum)) is None
    assert spec.fault(spec.minimum - 1 if spec.type == "float" else int(spec.minimum) - 1)
    if spec.maximum is not None:
        assert spec.fault(spec.maximum if spec.type == "float" else int(spec.maximum)) is None
        assert spec.fault(spec.maximum + 1 if spec.type == "float" else int(spec.maximum) + 1)
    if spec.type == "float":
        assert spec.fault(float("nan"))
        assert spec.fault(float("inf"))


def test_the_largest_dataset_is_one_number_everywhere():
    promise = (PROTO.parent / "dataset_service.proto").read_text(encoding="utf-8")

    assert Settings(dev=True).max_dataset_bytes == MAX_DATASET_BYTES
    assert f"at most {MAX_DATASET_BYTES // 10**6} MB." in promise
