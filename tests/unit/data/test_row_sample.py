"""Samples of the rows of a file."""

from __future__ import annotations

import pytest

from foreword.data import row_sample
from foreword.data.row_sample import RowSample
from foreword.domain.dataset import Row


def rows(count: int, length: int = 10) -> list[Row]:
    return [Row(number=number, input="x" * length, output="y") for number in range(1, count + 1)]


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(row_sample, "MAX_SAMPLE_ROWS", 8)
    monkeypatch.setattr(row_sample, "MAX_SAMPLE_BYTES", 4_000)


def test_a_small_file_is_its_own_sample():
    sample = RowSample.of(rows(8))

    assert [row.number for row in sample.rows] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_large_file_is_sampled_at_equal_distances():
    sample = RowSample.of(rows(37))

    assert [row.number for row in sample.rows] == [1, 9, 17, 25, 33]
    assert sample.row_count == 37


def test_long_rows_are_sampled_more_rarely():
    sample = RowSample.of(rows(8, length=1_000))

    assert [row.number for row in sample.rows] == [1, 5]


def test_one_row_is_kept_however_long_it_is():
    assert len(RowSample.of(rows(3, length=10_000)).rows) == 1
