from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from foreword_validators.near_inputs.difference import difference, max_difference
from foreword_validators.near_inputs.words import Frame, words_of

WORDS = st.lists(st.sampled_from("abcd"), max_size=12)


def longest_common(first: list[str], second: list[str]) -> int:
    """Return the length of the longest common subsequence, by the table of all prefixes."""
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for row, word in enumerate(first, 1):
        for column, other in enumerate(second, 1):
            same = table[row - 1][column - 1] + 1
            table[row][column] = same if word == other else max(table[row - 1][column], table[row][column - 1])
    return table[-1][-1]


@given(WORDS, WORDS)
def test_a_difference_is_as_small_as_possible(first, second):
    found = difference(first, second)

    smallest = len(first) + len(second) - 2 * longest_common(first, second)
    if found is None:
        assert smallest > max_difference(len(first), len(second))
    else:
        assert len(found[0]) + len(found[1]) == smallest


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=2), min_size=20, max_size=40), st.data())
def test_the_words_of_a_difference_are_those_that_only_one_text_has(words, data):
    place = data.draw(st.integers(0, len(words) - 1))
    changed = [*words[:place], "x", *words[place + 1 :]]

    assert difference(words, changed) == ((words[place],), ("x",))


@given(WORDS, WORDS)
def test_a_difference_is_that_of_the_other_direction(first, second):
    forth, back = difference(first, second), difference(second, first)

    assert (forth is None) == (back is None)


def test_case_punctuation_and_unicode_forms_are_not_compared():
    assert words_of("It's FINE -- isn\N{RIGHT SINGLE QUOTATION MARK}t it?") == words_of("it's fine: isn't it!")
    assert words_of("\N{LATIN SMALL LIGATURE FI}ne") == ["fine"]
    assert words_of("-1.5 v2 10:30 50% x_y") == ["-1.5", "v2", "10:30", "50", "%", "x", "y"]


def test_a_template_around_nearly_all_inputs_is_not_compared():
    texts = [f"Comment: the dog {chr(97 + number)} was washed on day {number}\nSatisfaction:" for number in range(25)]
    frame = Frame.of(texts)

    assert frame == Frame(("comment", "the", "dog"), ("satisfaction",))
    assert frame.without(words_of(texts[0])) == ["a", "was", "washed", "on", "day", "0"]
    assert frame.without(words_of("Another text")) == ["another", "text"]


def test_what_all_inputs_consist_of_is_no_template():
    assert Frame.of([f"Order {number} is missing" for number in range(25)]) == Frame()
