from __future__ import annotations

import pytest
import torch

from foreword.inference.decoding.penalties import favour_end, penalize_repetition


def test_a_repetition_penalty_makes_seen_tokens_less_likely_whatever_their_sign():
    logits_BV = torch.tensor([[2.0, -2.0, 1.0], [2.0, -2.0, 1.0]])
    seen_BV = torch.tensor([[True, True, False], [True, False, True]])

    found = penalize_repetition(logits_BV, seen_BV, torch.tensor([2.0, 1.0]))

    assert found.tolist() == [[1.0, -4.0, 1.0], [2.0, -2.0, 1.0]]


@pytest.mark.parametrize(
    ("logit", "count", "expected"), [(2.0, 3, 2.0), (2.0, 4, 3.0), (-2.0, 4, -1.0), (-2.0, 5, 0.5)]
)
def test_an_end_token_rises_exponentially_after_the_start(logit: float, count: int, expected: float):
    found = favour_end(torch.tensor([[logit]]), torch.tensor([count]), torch.tensor([3]), torch.tensor([1.5]))

    assert found.item() == pytest.approx(expected)


@pytest.mark.parametrize("logit", [0.0, 5.0, -5.0, float("-inf")])
def test_an_end_token_stays_a_number_however_long_the_answer(logit: float):
    found = favour_end(torch.tensor([[logit]]), torch.tensor([5000]), torch.tensor([0]), torch.tensor([10.0]))

    assert not found.isnan().any()
    assert found.item() < 1e5
