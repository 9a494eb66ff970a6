"""Domain values to JSON and back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories.stored import make_config, make_evaluation, make_plan, make_report, make_snapshot
from foreword.domain.experiment import ExperimentConfig, Progress, Snapshot, TaskOptions, TunePlan
from foreword.domain.failure import Failure
from foreword.domain.parameters import TuneParameters
from foreword.domain.report import DataReport, SystemEvaluation
from foreword.errors import InternalError, InvalidArgumentError
from foreword.storage.codec import decode, encode


def through_json(annotation: Any, value: Any) -> Any:
    return decode(annotation, json.loads(json.dumps(encode(annotation, value), allow_nan=False)))


@pytest.mark.parametrize(
    "value",
    [
        make_config("d1"),
        make_plan(),
        make_report(),
        make_evaluation(),
        make_snapshot(3),
        Progress(loss=0.5),
        Failure(kind="internal", reason="INTERNAL", message="It broke."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_domain_value_survives_the_round_trip(value):
    assert through_json(type(value), value) == value


@pytest.mark.parametrize(
    "kind", [DataReport, SystemEvaluation, Snapshot, Progress, Failure], ids=lambda kind: kind.__name__
)
def test_any_value_of_a_type_survives_the_round_trip(kind):
    values = (
        st.builds(Snapshot, create_time=st.datetimes(timezones=st.just(UTC)).map(lambda time: time.replace(fold=0)))
        if kind is Snapshot
        else st.from_type(kind)
    )

    @given(values)
    def round_trip(value):
        # As JSON, where NaN is equal to itself and a ChainMap is like any other mapping.
        assert encode(kind, through_json(kind, value)) == encode(kind, value)

    round_trip()


def test_a_tuple_of_values_survives_the_round_trip():
    evaluations = (make_evaluation("tuned"), make_evaluation("base_zero_shot"))
    assert through_json(tuple[SystemEvaluation, ...], evaluations) == evaluations


def test_a_field_with_a_default_may_be_missing():
    data = encode(ExperimentConfig, make_config("d1"))
    del data["evaluate_base"]
    assert decode(ExperimentConfig, data).evaluate_base is True


def test_a_missing_field_is_named():
    data = encode(TunePlan, make_plan())
    del data["planned_updates"]
    with pytest.raises(InternalError, match="planned_updates"):
        decode(TunePlan, data)


def test_an_unknown_field_is_refused():
    with pytest.raises(InternalError, match="surprise"):
        decode(Progress, {"surprise": 1})


@pytest.mark.parametrize("data", [{"percent": "1"}, {"step": 1.5}, {"step": True}, {"phase": "sleeping"}, [], None])
def test_a_value_of_another_type_is_refused(data):
    with pytest.raises(InternalError):
        decode(Progress, data)


def test_an_error_shows_no_stored_text():
    with pytest.raises(InternalError) as caught:
        decode(Progress, {"percent": "a tenant's text"})
    assert "a tenant's text" not in caught.value.message


def test_a_value_of_the_wrong_type_is_not_written():
    with pytest.raises(InternalError, match=r"value\.step"):
        encode(Progress, Progress(step=1.5))  # type: ignore[arg-type] # the fault under test


@pytest.mark.parametrize(
    "free",
    [float("nan"), {1: 2}, object(), b"x"],
    ids=["a number that is none", "a key that is none", "an object", "bytes"],
)
def test_a_free_form_part_that_json_cannot_hold_is_the_callers_fault(free):
    with pytest.raises(InvalidArgumentError) as caught:
        encode(TuneParameters, TuneParameters(method_parameters={"depth": free}), "parameters")
    assert caught.value.violations[0].field == "parameters.method_parameters.depth"


def test_a_free_form_tuple_comes_back_as_a_list():
    assert through_json(TaskOptions, TaskOptions(extra={"pair": (1, 2)})).extra == {"pair": [1, 2]}


def test_a_type_without_json_form_is_refused():
    @dataclass(frozen=True)
    class Holder:
        content: bytes

    with pytest.raises(TypeError, match="no JSON form"):
        encode(Holder, Holder(b""))
