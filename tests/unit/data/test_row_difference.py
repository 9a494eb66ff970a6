"""The difference between the rows of two datasets."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from foreword.data.row_difference import RowKeys, row_difference
from foreword.domain.comparison import RowOverlap
from foreword.domain.dataset import Row

PAIRS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=12)


def keys(*pairs: tuple[str, str]) -> RowKeys:
    return RowKeys.of(Row(number=place, input=input, output=output) for place, (input, output) in enumerate(pairs, 1))


def overlap(before: RowKeys, after: RowKeys) -> RowOverlap:
    return row_difference(before, after).overlap


def test_rows_are_shared_if_input_and_output_are_the_same() -> None:
    before = keys(("a", "1"), ("b", "2"), ("c", "3"))
    after = keys(("c", "3"), ("a", "9"), ("d", "4"))

    found = row_difference(before, after)

    assert found.overlap == RowOverlap(shared=1, added=2, removed=2, relabelled=1)
    assert (found.changed, found.removed, found.added) == ([(0, 1)], [1], [2])


def test_rows_count_as_often_as_they_occur() -> None:
    once, thrice = keys(("a", "1")), keys(("a", "1"), ("a", "1"), ("a", "1"))

    assert overlap(once, thrice) == RowOverlap(shared=1, added=2, removed=0, relabelled=0)
    assert overlap(thrice, once) == RowOverlap(shared=1, added=0, removed=2, relabelled=0)


def test_a_second_output_of_an_input_is_added_and_counts_as_relabelled() -> None:
    found = row_difference(keys(("a", "1")), keys(("a", "1"), ("a", "2")))

    assert found.overlap == RowOverlap(shared=1, added=1, removed=0, relabelled=1)
    assert (found.changed, found.added) == ([], [1])


def test_input_and_output_are_not_confused() -> None:
    assert overlap(keys(("ab", "c")), keys(("a", "bc"))).shared == 0


@given(before=PAIRS, after=PAIRS)
def test_what_is_removed_and_added_makes_one_dataset_of_the_other(before, after) -> None:
    found = row_difference(keys(*before), keys(*after))

    gone = [before[place] for place in found.removed] + [before[place] for place, _ in found.changed]
    come = [after[place] for place in found.added] + [after[place] for _, place in found.changed]
    assert Counter(before) - Counter(gone) + Counter(come) == Counter(after)
    assert not Counter(gone) & Counter(come)
    assert all(before[first][0] == after[second][0] for first, second in found.changed)
    assert found.overlap.shared == (Counter(before) & Counter(after)).total()
    assert (found.overlap.removed, found.overlap.added) == (len(gone), len(come))


def test_every_row_lets_others_have_their_turn() -> None:
    calls: list[int] = []

    RowKeys.of((Row(number=number, input="x", output="y") for number in range(7)), lambda: calls.append(1))

    assert len(calls) == 7
