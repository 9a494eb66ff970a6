from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foreword.inference.sampling import keep_top_k, keep_top_p, sample, uniform_draws


def _arguments(count: int, **values):
    defaults = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}
    return {f"{name}_B": torch.tensor([values.get(name, default)] * count) for name, default in defaults.items()}


def test_the_same_seed_draws_the_same_numbers_however_many_are_drawn():
    assert torch.equal(uniform_draws(7, 3), uniform_draws(7, 10)[:3])
    assert not torch.equal(uniform_draws(7, 3), uniform_draws(8, 3))


def test_frequencies_follow_the_probabilities():
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    draws = uniform_draws(0, 20_000)
    chosen = sample(logits.expand(len(draws), -1), draw_B=draws, **_arguments(len(draws)))
    assert (chosen.bincount() / len(draws)).tolist() == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.02)


def test_each_row_has_its_own_limits():
    logits_BV = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log().repeat(4, 1)
    chosen = sample(
        logits_BV,
        temperature_B=torch.tensor([1.0, 1.0, 1.0, 0.01]),
        top_k_B=torch.tensor([0, 2, 0, 0]),
        top_p_B=torch.tensor([1.0, 1.0, 0.9, 1.0]),
        draw_B=torch.full((4,), 0.9999, dtype=torch.float64),
    )
    assert chosen.tolist() == [3, 1, 2, 0]


@given(
    logits=st.lists(st.integers(-20, 20), min_size=2, max_size=12, unique=True),
    top_k=st.integers(0, 15),
    top_p=st.floats(0.01, 1.0),
)
@settings(max_examples=200, deadline=None)
def test_the_limits_keep_what_their_definitions_say(logits, top_k, top_p):
    scores = torch.tensor([logits], dtype=torch.float32) / 5

    by_k = keep_top_k(scores, torch.tensor([top_k]))
    by_p = keep_top_p(scores, torch.tensor([top_p]))

    assert int(by_k.isfinite().sum()) == min(top_k or len(logits), len(logits))
    probabilities = scores[0].double().softmax(0)
    kept = probabilities[by_p[0].isfinite()]
    assert float(kept.sum()) >= min(top_p, 1.0) - 1e-6
    assert len(kept) == 1 or float(kept.sum() - kept.min()) < top_p + 1e-6


def test_a_token_that_is_forbidden_is_never_drawn():
    logits = torch.tensor([[0.0, -torch.inf, 0.0]])
    for draw in (0.0, 0.4999999, 0.5, 0.9999999999999999):
        chosen = sample(logits, draw_B=torch.tensor([draw], dtype=torch.float64), **_arguments(1))
        assert int(chosen) != 1
