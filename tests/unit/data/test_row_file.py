"""Rows that stay on disk."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.data.row_file import RowFile
from foreword.data.rows import write_rows
from foreword.domain.dataset import Row
from foreword.errors import CancelledError

texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(texts, texts), max_size=8), st.data())
def test_they_are_the_same_as_in_memory(pairs: list[tuple[str, str]], data: st.DataObject):
    rows = [Row(number=number, input=pair[0], output=pair[1]) for number, pair in enumerate(pairs, 1)]
    found = RowFile(io.BytesIO(write_rows(rows)))

    assert list(found) == rows
    assert found[1:5:2] == rows[1:5:2]
    for place in data.draw(st.permutations(range(-len(rows), len(rows)))):
        assert found[place] == rows[place]


def test_two_readers_do_not_disturb_each_other():
    rows = [Row(number=number, input=f"text {number}", output="x") for number in range(1, 6)]
    found = RowFile(io.BytesIO(write_rows(rows)))

    assert [(row, found[-1]) for row in found] == [(row, rows[-1]) for row in rows]
    assert list(zip(found, found, strict=True)) == list(zip(rows, rows, strict=True))


def test_reading_stops_when_the_caller_has_gone():
    gone = False

    def check() -> None:
        if gone:
            raise CancelledError("The caller has gone.")

    found = RowFile(io.BytesIO(write_rows([Row(number=1, input="a", output="b")])), check)
    gone = True

    with pytest.raises(CancelledError):
        list(found)
