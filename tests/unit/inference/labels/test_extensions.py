from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from foreword.inference.labels.candidates import Candidates
from foreword.inference.labels.extensions import choose_extensions
from foreword.plugin.interfaces import LabelSpace


class _Encoder:
    """A tokenizer with a token for each character, which counts the texts that it was given."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        self.count += len(texts)
        return [[*map(ord, text), 2] for text in texts]


def _space(*labels: str) -> LabelSpace:
    return LabelSpace(labels=labels, separator=", ", multi_label=True, label_sets=())


@pytest.mark.parametrize(("first", "extended"), [(0.9, True), (0.9985, True), (0.9995, False)])
def test_nothing_is_tokenized_where_the_scored_answers_leave_a_negligible_rest(first, extended):
    encoder = _Encoder()
    candidates = Candidates(_space("a", "b"), encoder)
    before = encoder.count

    found = choose_extensions(
        candidates, {("a",): math.log(first), ("b",): math.log(1e-4)}, beam=4, max_tokens=50, bounds=None
    )

    assert bool(found) is extended
    assert (encoder.count > before) is extended


def test_answers_of_the_same_text_do_not_count_twice_when_the_rest_is_estimated():
    candidates = Candidates(_space("a", "b", "a, b"), _Encoder())
    log_probs = {("a", "b"): math.log(0.4999), ("a, b",): math.log(0.4999), ("a",): -9.0, ("b",): -9.0}

    assert choose_extensions(candidates, log_probs, beam=4, max_tokens=50, bounds=None)
