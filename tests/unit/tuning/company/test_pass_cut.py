from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from factories.examples import examples
from foreword.tuning.company.pass_cut import RowSize, cut_passes, pass_size

ROWS = st.lists(
    st.builds(
        lambda length, run, prompts: RowSize(length=length, run=run, shared=prompts * 7 * run),
        length=st.integers(1, 300),
        run=st.integers(0, 4),
        prompts=st.integers(0, 1),
    ),
    min_size=1,
    max_size=40,
)


def _rows(*lengths: int) -> list[RowSize]:
    return [RowSize(length=length) for length in lengths]


@settings(max_examples=examples(200))
@given(rows=ROWS, overhead=st.integers(0, 300), most=st.integers(1, 3000))
def test_every_row_is_in_one_pass_which_is_within_the_limit_unless_it_has_one_row(rows, overhead, most):
    passes = cut_passes(rows, overhead=overhead, most=most)

    assert sorted(place for places in passes for place in places) == list(range(len(rows)))
    assert all(len(places) == 1 or pass_size([rows[place] for place in places]) <= most for places in passes)


@settings(max_examples=examples(200))
@given(rows=ROWS, overhead=st.integers(0, 300))
def test_several_passes_never_cost_more_than_one(rows, overhead):
    passes = cut_passes(rows, overhead=overhead, most=1_000_000)

    cost = sum(pass_size([rows[place] for place in places]) + overhead for places in passes)
    assert cost <= pass_size(rows) + overhead


def test_rows_of_similar_length_stay_together_and_others_are_apart():
    assert cut_passes(_rows(20, 71, 22, 70, 21), overhead=60, most=1000) == [[1, 3], [2, 4, 0]]
    assert cut_passes(_rows(20, 71, 22, 70, 21), overhead=160, most=1000) == [[1, 3, 2, 4, 0]]


def test_rows_that_would_need_their_shared_prompt_twice_stay_together():
    def rows(shared: int) -> list[RowSize]:
        return [RowSize(length=length, run=run, shared=shared) for run in (0, 1) for length in (20, 40)]

    assert len(cut_passes(rows(5), overhead=10, most=1000)) == 2
    assert len(cut_passes(rows(50), overhead=10, most=1000)) == 1


def test_the_longest_rows_come_first_so_that_a_lack_of_memory_shows_at_once():
    assert cut_passes(_rows(5, 90, 30), overhead=0, most=1000) == [[1], [2], [0]]
