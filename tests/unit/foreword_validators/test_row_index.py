"""The compact index of rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from foreword_validators.row_index import RowIndex


@given(st.lists(st.text(max_size=2)))
def test_the_first_row_of_each_text_is_found(texts: list[str]) -> None:
    index, expected = RowIndex(), {}

    for number, text in enumerate(texts):
        assert index.first(text, number) == expected.setdefault(text, number)


def test_an_index_that_grows_keeps_its_rows() -> None:
    index = RowIndex()
    for number in range(20_000):
        index.first(f"text {number}", number)

    assert all(index.first(f"text {number}", -1) == number for number in range(20_000))
