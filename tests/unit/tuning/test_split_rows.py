from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories.runs import make_rows
from foreword.domain.dataset import Row
from foreword.domain.held_out import held_out_count
from foreword.tuning.split import split_rows


def test_the_same_seed_holds_out_the_same_rows():
    rows = make_rows(40)
    targets = [row.output for row in rows]

    first = split_rows(rows, targets=targets, share=0.25, seed=3)
    second = split_rows(rows, targets=targets, share=0.25, seed=3)
    other = split_rows(rows, targets=targets, share=0.25, seed=4)

    assert first == second
    assert first.held_out != other.held_out


def test_answers_are_held_out_in_proportion():
    rows = make_rows(60)
    targets = [row.output for row in rows]

    split = split_rows(rows, targets=targets, share=0.2, seed=0)

    assert Counter(row.output for row in split.held_out) == dict.fromkeys(set(targets), 3)


@given(count=st.integers(2, 80), share=st.floats(0.0, 0.5), seed=st.integers(0, 5))
def test_every_row_is_on_exactly_one_side(count, share, seed):
    rows = make_rows(count)

    split = split_rows(rows, targets=[row.output for row in rows], share=share, seed=seed)

    assert sorted([*split.training, *split.held_out], key=lambda row: row.number) == rows
    assert len(split.held_out) == held_out_count(count, share)
    assert split.training


def test_rows_of_one_input_are_on_one_side():
    distinct = make_rows(40)
    again = [replace(row, number=40 + row.number, input=f"  {row.input.upper()} ") for row in distinct[::3]]
    rows = [*distinct, *again]

    for seed in range(10):
        split = split_rows(rows, targets=[row.output for row in rows], share=0.2, seed=seed)

        trained = {" ".join(row.input.split()).lower() for row in split.training}
        assert not [row for row in split.held_out if " ".join(row.input.split()).lower() in trained]
        assert len({" ".join(row.input.split()).lower() for row in split.held_out}) == 8
        assert sorted([*split.training, *split.held_out], key=lambda row: row.number) == rows


def test_an_input_with_more_rows_than_are_to_be_held_out_is_trained_on():
    rows = [*make_rows(20), *(Row(number=21 + place, input="Again", output="Planning") for place in range(20))]

    for seed in range(20):
        split = split_rows(rows, targets=[row.output for row in rows], share=0.2, seed=seed)

        assert len(split.held_out) == 4
        assert "Again" not in {row.input for row in split.held_out}


def test_two_inputs_with_many_rows_are_divided_between_the_sides():
    rows = [Row(number=number, input=f"Text {number % 2}", output="Planning") for number in range(1, 21)]

    split = split_rows(rows, targets=[row.output for row in rows], share=0.2, seed=0)

    assert len({row.input for row in split.training}) == len({row.input for row in split.held_out}) == 1


def test_rows_that_all_have_one_input_are_all_trained_on():
    rows = [Row(number=number, input="Text", output="Planning") for number in range(1, 21)]

    assert split_rows(rows, targets=[row.output for row in rows], share=0.2, seed=0).held_out == ()


def test_rows_with_distinct_inputs_keep_their_recorded_split():
    rows = make_rows(20)

    split = split_rows(rows, targets=[row.output for row in rows], share=0.2, seed=3)

    assert [row.number for row in split.held_out] == [2, 3, 4, 17]


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.01, 1), (0.2, 2), (0.5, 5)])
def test_a_small_share_still_holds_out_a_row(share, expected):
    assert held_out_count(10, share) == expected
