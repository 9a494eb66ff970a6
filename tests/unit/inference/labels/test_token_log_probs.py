from __future__ import annotations

import pytest
import torch

from foreword.inference.labels import token_log_probs
from foreword.inference.labels.token_log_probs import TokenLogProbs, log_normalizers


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_chosen_log_probabilities_equal_those_of_the_whole_vocabulary(dtype, scale):
    logits_NV = (scale * torch.randn(67, 16_000, generator=torch.Generator().manual_seed(3))).to(dtype)
    positions, tokens = torch.arange(66).view(2, 33), torch.arange(66).view(2, 33) * 200

    found = TokenLogProbs(logits_NV).of(positions, tokens)

    exact = logits_NV.double().log_softmax(dim=-1)[positions, tokens]
    assert found.dtype is torch.float32
    assert found.shape == (2, 33)
    assert (found - exact).abs().max() < 4e-6 + 2e-7 * float(logits_NV.abs().max())


def test_positions_that_are_kept_have_the_same_log_probabilities():
    logits_NV = torch.randn(9, 50, generator=torch.Generator().manual_seed(4))
    log_probs = TokenLogProbs(logits_NV)
    positions, tokens = torch.tensor([7, 2]), torch.tensor([49, 0])

    kept = log_probs.kept(positions)

    assert torch.equal(kept.of(torch.tensor([0, 1]), tokens), log_probs.of(positions, tokens))


def test_a_vocabulary_larger_than_one_part_is_normalised_position_by_position(monkeypatch):
    logits_NV = torch.randn(3, 40, generator=torch.Generator().manual_seed(5))
    monkeypatch.setattr(token_log_probs, "_PART_NUMBERS", 8)

    torch.testing.assert_close(log_normalizers(logits_NV), logits_NV.logsumexp(dim=-1))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_logit_that_is_not_finite_shows_in_its_position_only(number):
    logits_NV = torch.zeros(2, 5)
    logits_NV[1, 3] = number

    found = TokenLogProbs(logits_NV).of(torch.tensor([0, 1]), torch.tensor([0, 0]))

    assert found.isfinite().tolist() == [True, False]
