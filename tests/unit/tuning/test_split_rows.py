from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories.runs import make_rows
from foreword.tuning.split import held_out_count, split_rows


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


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.01, 1), (0.2, 2), (0.5, 5)])
def test_a_small_share_still_holds_out_a_row(share, expected):
    assert held_out_count(10, share) == expected
