"""The rows that two datasets have in common."""

from __future__ import annotations

from foreword.data.row_overlap import RowCounts
from foreword.domain.comparison import RowOverlap
from foreword.domain.dataset import Row


def rows(*pairs: tuple[str, str]) -> RowCounts:
    return RowCounts.of(Row(number=place, input=input, output=output) for place, (input, output) in enumerate(pairs, 1))


def test_rows_are_shared_if_input_and_output_are_the_same() -> None:
    first = rows(("a", "1"), ("b", "2"), ("c", "3"))
    other = rows(("c", "3"), ("a", "9"), ("d", "4"))

    assert other.overlap(first) == RowOverlap(shared=1, added=2, removed=2, relabelled=1)


def test_rows_count_as_often_as_they_occur() -> None:
    first = rows(("a", "1"))
    other = rows(("a", "1"), ("a", "1"), ("a", "1"))

    assert other.overlap(first) == RowOverlap(shared=1, added=2, removed=0, relabelled=0)
    assert first.overlap(other) == RowOverlap(shared=1, added=0, removed=2, relabelled=0)


def test_input_and_output_are_not_confused() -> None:
    assert rows(("ab", "c")).overlap(rows(("a", "bc"))).shared == 0


def test_every_row_lets_others_have_their_turn() -> None:
    calls: list[int] = []

    RowCounts.of((Row(number=number, input="x", output="y") for number in range(7)), lambda: calls.append(1))

    assert len(calls) == 7
