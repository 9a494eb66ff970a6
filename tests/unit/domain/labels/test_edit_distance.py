"""The bounded edit distance agrees with the plain one, in a time that grows with the length of the texts."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from foreword.domain.labels.edit_distance import within_distance

WORDS = st.text(alphabet="ab", max_size=7)


def distance(first: str, second: str) -> int:
    """Return the edit distance by its definition."""
    if not first or not second:
        return len(first) + len(second)
    replaced = distance(first[1:], second[1:]) + (first[0] != second[0])
    return min(replaced, distance(first[1:], second) + 1, distance(first, second[1:]) + 1)


@given(WORDS, WORDS, st.integers(0, 4))
def test_texts_are_within_a_distance_if_so_many_changes_suffice(first: str, second: str, limit: int) -> None:
    assert within_distance(first, second, limit) == (distance(first, second) <= limit)


def test_long_texts_take_little_time() -> None:
    first = "a" + "word " * 20_000
    begin = time.thread_time()

    assert within_distance(first, "b" + first[1:-1] + "c", 2)
    assert time.thread_time() - begin < 5
