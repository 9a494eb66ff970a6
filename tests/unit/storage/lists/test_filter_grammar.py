from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.errors import InvalidArgumentError
from foreword.storage.lists.filter_grammar import (
    Conjunction,
    Disjunction,
    Negation,
    Restriction,
    parse_filter,
)


def equal(field: str, value: str = "1") -> Restriction:
    return Restriction(field=field, operator="=", value=value)


def test_an_empty_filter_has_no_condition():
    assert parse_filter(" \n") is None


def test_or_binds_more_tightly_than_and_as_in_the_standard():
    assert parse_filter("a = 1 AND b = 1 OR c = 1") == Conjunction(
        operands=(equal("a"), Disjunction(operands=(equal("b"), equal("c"))))
    )


def test_parentheses_group_and_not_negates_the_next_term_only():
    assert parse_filter("NOT (a = 1 AND b=1) OR NOT c=1") == Disjunction(
        operands=(
            Negation(operand=Conjunction(operands=(equal("a"), equal("b")))),
            Negation(operand=equal("c")),
        )
    )


def test_a_dot_parts_a_field_from_a_key_which_may_hold_dots_itself():
    assert parse_filter("a.b-c.d_0=1 AND e = 1.5") == Conjunction(
        operands=(Restriction(field="a", key="b-c.d_0", operator="=", value="1"), equal("e", "1.5"))
    )


@pytest.mark.parametrize("operator", ["=", "!=", "<", "<=", ">", ">=", ":"])
def test_every_operator_needs_no_spaces(operator):
    assert parse_filter(f"a{operator}b") == Restriction(field="a", operator=operator, value="b")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a = 2026-01-31T12:00:00+01:00", "2026-01-31T12:00:00+01:00"),
        ("a = tenants/acme/datasets/d", "tenants/acme/datasets/d"),
        ('a = "two words"', "two words"),
        ("a = 'it is \"so\"'", 'it is "so"'),
        (r'a = "\"quoted\" \\ "', '"quoted" \\ '),
        ("a = ''", ""),
        ("a = ANDROID", "ANDROID"),
        ('a = "x) OR (b = 1"', "x) OR (b = 1"),
    ],
)
def test_values_are_words_or_quoted_texts(text, value):
    assert parse_filter(text) == equal("a", value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("state", "expected =, !=, <, <=, >, >= or : after state at the end"),
        ("state =", "expected a value at the end"),
        ("= 1", "expected the name of a field at character 1"),
        ("a = 1 b = 2", "expected AND, OR or the end of the filter at character 7"),
        ("a = 1 and b = 2", "write AND in capitals"),
        ("a = 1 AND", "expected the name of a field at the end"),
        ("(a = 1", "closing parenthesis"),
        ("a = 1)", "end of the filter"),
        ('a = "x', "closing quote"),
        ("(" * 12 + "a = 1" + ")" * 12, "10 levels"),
        (" OR ".join(["a = 1"] * 51), "50 comparisons"),
        ("a = " + "x" * 2_000, "at most 2,000 characters"),
    ],
)
def test_a_fault_names_its_place_and_the_remedy(text, problem):
    with pytest.raises(InvalidArgumentError) as caught:
        parse_filter(text)

    assert caught.value.violations[0].field == "filter"
    assert problem in caught.value.violations[0].description


parts = st.sampled_from(["a", "=", "1", "AND", "OR", "NOT", "(", ")", '"', "'", "\\", " "])


@given(st.text() | st.lists(parts).map("".join))
def test_any_text_is_parsed_or_refused(text):
    with suppress(InvalidArgumentError):
        parse_filter(text)


@given(st.text(max_size=100))
def test_any_text_can_be_quoted(value):
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')

    assert parse_filter(f'a = "{quoted}"') == equal("a", value)
