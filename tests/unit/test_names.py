"""Resource names: a formatted name is parsed back, and no other text is a name."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.errors import InvalidArgumentError
from foreword.names import (
    ApiKeyName,
    BaseModelName,
    DatasetName,
    DeploymentName,
    SpaceName,
    TenantName,
    TunedModelName,
    TuneExperimentName,
    check_id,
    check_serving_name,
)

NAMES = (
    TenantName, ApiKeyName, DatasetName, TuneExperimentName, TunedModelName, SpaceName, DeploymentName, BaseModelName,
)  # fmt: skip
KINDS = st.sampled_from(NAMES)
SEGMENTS = st.from_regex(r"[A-Za-z0-9_.-]{1,128}", fullmatch=True)
# Half of all texts are near misses: letters of names, separators, and what a regular expression may overlook.
TEXTS = st.text() | st.text(alphabet="az09_.-/ \n\0é\u0661")


@given(kind=KINDS, segments=st.lists(SEGMENTS, min_size=3, max_size=3))
def test_a_name_comes_back_as_it_was(kind, segments):
    name = kind(*segments[: len(fields(kind))])
    assert kind.parse(str(name)) == name


@given(kind=KINDS, text=TEXTS)
def test_what_is_parsed_is_exactly_what_is_formatted(kind, text):
    try:
        name = kind.parse(text)
    except InvalidArgumentError:
        return
    assert str(name) == text


@given(kinds=st.lists(KINDS, min_size=2, max_size=2, unique=True), segments=st.lists(SEGMENTS, min_size=3, max_size=3))
def test_no_name_is_also_another_kind_of_name(kinds, segments):
    one, other = kinds
    with pytest.raises(InvalidArgumentError):
        other.parse(str(one(*segments[: len(fields(one))])))


@pytest.mark.parametrize("kind", NAMES)
@given(segment=TEXTS)
def test_a_segment_never_reaches_beyond_its_place(kind, segment):
    name = str(kind(*["x"] * (len(fields(kind)) - 1), segment))
    try:
        parsed = kind.parse(name)
    except InvalidArgumentError:
        assert not re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", segment)
    else:
        assert getattr(parsed, fields(kind)[-1].name) == segment


@given(text=TEXTS | st.text(max_size=3000))
def test_a_refusal_names_the_field_and_stays_short(text):
    with pytest.raises(InvalidArgumentError) as caught:
        DatasetName.parse(text, "dataset")
    (violation,) = caught.value.violations
    assert violation.field == "dataset"
    assert caught.value.reason == "NAME_INVALID"
    assert "tenants/{tenant}/datasets/{dataset}" in violation.description
    assert len(violation.description) < 2200


@given(text=TEXTS)
def test_an_id_is_of_lower_case_letters_digits_and_hyphens(text):
    allowed = 1 <= len(text) <= 63 and text != "-" and set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    if allowed:
        assert check_id(text, "space_id") == text
    else:
        with pytest.raises(InvalidArgumentError, match="space_id"):
            check_id(text, "space_id")


def test_no_id_is_the_sign_for_all_of_them():
    with pytest.raises(InvalidArgumentError, match="not - alone"):
        check_id("-", "space_id")
    assert check_id("--", "space_id") == "--"


@given(text=st.from_regex(r"[A-Za-z0-9_-]{1,63}", fullmatch=True), unwanted=st.sampled_from("/. \né\u0661"))
def test_a_serving_name_has_no_characters_that_separate(text, unwanted):
    assert check_serving_name(text, "serving_name") == text
    for faulty in (text + unwanted, unwanted + text, "", text * 64):
        with pytest.raises(InvalidArgumentError):
            check_serving_name(faulty, "serving_name")
