from __future__ import annotations

from foreword.inference.model.batching import length_groups


def test_rows_are_grouped_by_length_within_the_limits():
    groups = length_groups([10, 500, 12, 11, 480, 9], max_rows=3, max_tokens=1000)
    assert groups == [[5, 0, 3], [2], [4, 1]]
    assert length_groups([2000], max_rows=3, max_tokens=1000) == [[0]]
    assert length_groups([], max_rows=3, max_tokens=1000) == []
