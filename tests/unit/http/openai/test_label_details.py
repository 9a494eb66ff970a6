"""Labels in the text of an answer."""

from __future__ import annotations

import pytest

from foreword.http.openai.inference.label_details import is_answer


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("A", ("A",), True),
        ("A, B", ("A", "B"), True),
        ("A; B; C", ("A", "B", "C"), True),
        ("AA|A", ("AA", "A"), True),
        ("A, B; C", ("A", "B", "C"), False),
        ("A, B", ("A",), False),
        ("A, B", ("B", "A"), False),
        ("AB", ("A", "B"), False),
        ("A", ("A", "B"), False),
        ("", ("A",), False),
    ],
)
def test_an_answer_has_its_labels_in_order_between_the_same_separators(text, labels, expected):
    assert is_answer(text, labels) is expected
