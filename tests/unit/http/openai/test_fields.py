"""Strict reading of JSON."""

from __future__ import annotations

import pytest

from foreword.http.errors import RequestError
from foreword.http.openai.fields import Fields


def test_null_is_unset():
    fields = Fields({"a": None, "b": None, "c": None, "d": None, "unknown": None})

    assert (fields.text("a"), fields.number("b", 0, 1), fields.integer("c", 0, 1), fields.items("d")) == (
        "",
        None,
        None,
        [],
    )
    fields.finish()


@pytest.mark.parametrize("value", [True, "1", [], {}, float("nan"), float("inf"), 3, -1])
def test_numbers_have_a_type_and_a_range(value: object):
    for read in (Fields({"n": value}, "outer.").number, Fields({"n": value}, "outer.").integer):
        with pytest.raises(RequestError, match=r"^outer\.n: must be"):
            read("n", 0, 2)


def test_a_whole_float_is_an_integer():
    assert Fields({"n": 2.0}).integer("n", 0, 5) == 2


def test_a_value_that_changes_nothing_is_told_by_its_type():
    Fields({"n": 0}).only("n", (0,), "why")
    for value in (False, 0.5, "0"):
        with pytest.raises(RequestError, match="n: cannot be honoured: why"):
            Fields({"n": value}).only("n", (0,), "why")


def test_all_unknown_fields_are_named():
    fields = Fields({"a": 1, "x": 2, "y": 3})
    fields.value("a")

    with pytest.raises(RequestError, match="x, y: cannot be honoured") as caught:
        fields.finish()
    assert caught.value.field == "x"
