"""Keys of labels that look the same, and of labels that mean the same."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.domain.labels.missing_values import is_missing_value
from foreword.domain.labels.packing import read_list, recurring_separator
from foreword.domain.labels.spelling import difference, meaning_key, spelling_key, visible


@given(st.text(max_size=12))
def test_keys_are_the_same_for_all_unicode_forms_and_cases(label: str) -> None:
    decomposed = unicodedata.normalize("NFD", label)

    assert spelling_key(decomposed) == spelling_key(unicodedata.normalize("NFC", label))
    assert meaning_key(f" {label}\t") == meaning_key(label)


@given(st.text(max_size=12), st.text(max_size=12))
def test_labels_with_one_spelling_have_one_meaning_and_every_difference_has_a_name(first: str, second: str) -> None:
    if spelling_key(first) == spelling_key(second):
        assert meaning_key(first) == meaning_key(second)
    assert difference(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *[("1", "1.0"), ("01", "1"), ("+5", "5.00"), ("R&D", "R and D"), ("St. Louis", "St Louis")],
        *[("Level 1", "Level-1"), ("\N{MINUS SIGN}1", "-1"), ("Sales, Service", "Service;Sales")],
        *[("e-mail", "Email"), ("m\u00b2", "m2"), ("COP", "\u0441\u043e\u0440")],
    ],
)
def test_other_ways_to_write_a_label_have_its_meaning_key(first: str, second: str) -> None:
    assert spelling_key(first) != spelling_key(second)
    assert meaning_key(first) == meaning_key(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *[("A+", "A"), ("-1", "1"), ("1.5", "15"), ("12:30", "1230"), ("L2", "L3"), (":)", ":("), ("*", "**")],
        *[("1/2", "2/1"), ("Level -1", "Level 1"), ("C++", "C"), ("<5", "5"), ("\u0434\u0430", "aa")],
    ],
)
def test_marks_that_carry_meaning_are_kept(first: str, second: str) -> None:
    assert meaning_key(first) != meaning_key(second)


def test_a_label_is_shown_with_the_characters_that_a_reader_cannot_see() -> None:
    assert visible("Wa\u200bre\u00a0ho\u0301use") == "Wa<U+200B>re<U+00A0>ho<U+0301>use"
    assert visible("Stra\u00dfe und \u00dcber") == "Stra\u00dfe und \u00dcber"


@pytest.mark.parametrize("text", [" NaN ", "none", "<NA>", "#DIV/0!", "n/a", "\N{EM DASH}", "?"])
def test_texts_that_stand_for_missing_values_are_known(text: str) -> None:
    assert is_missing_value(text)


@pytest.mark.parametrize("text", ["", "No", "0", "+", "unknown", "Nana", "None of these"])
def test_other_texts_are_no_missing_values(text: str) -> None:
    assert not is_missing_value(text)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("['A', 'B']", ["A", "B"]),
        (' ["A", "B, C"] ', ["A", "B, C"]),
        ("('A',)", ["A"]),
        ("{'B', 'A'}", ["A", "B"]),
        ("['A' 'B']", ["A", "B"]),
        ("[1, 2]", ["1", "2"]),
        ("[]", []),
        ("[A]", None),
        ("{'a': 1}", None),
        ("[[1]]", None),
        ("(see above)", None),
        ("A, B", None),
        ("[" * 5000 + "]", None),
    ],
)
def test_a_list_is_read_as_json_python_or_numpy_write_it(text: str, labels: list[str] | None) -> None:
    assert read_list(text) == labels


@given(st.text("[]{}()'\"\\, abA1.", max_size=20).map(lambda text: f"[{text}]"))
def test_no_text_in_brackets_raises(text: str) -> None:
    found = read_list(text)

    assert found is None or all(isinstance(label, str) for label in found)


def test_only_separators_between_recurring_parts_are_found() -> None:
    assert recurring_separator(["A;B", "A", "B"]) == ";"
    assert recurring_separator(["A / B", "A", "B / A"]) == "/"
    assert recurring_separator(["Portland;OR", "Salem;OR"]) is None
    assert recurring_separator(["A, B", "A", "B"]) is None
