from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from factories.examples import examples
from foreword.inference.decoding.sampling import gumbel_noise, keep_top_k, keep_top_p, sample


def _arguments(count: int, **values):
    defaults = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}
    return {f"{name}_B": torch.tensor([values.get(name, default)] * count) for name, default in defaults.items()}


def _places(count: int) -> dict[str, torch.Tensor]:
    """Return the first places of one request's answer."""
    return {"seed_B": torch.full((count,), 2**32 - 1), "count_B": torch.arange(count)}


def test_noise_depends_only_on_seed_place_and_candidate():
    alone = gumbel_noise(torch.tensor([7]), torch.tensor([3]), 50)
    among = gumbel_noise(torch.tensor([8, 7, 7]), torch.tensor([3, 4, 3]), 80)

    assert torch.equal(among[2, :50], alone[0])
    assert not torch.equal(among[0, :50], alone[0])
    assert not torch.equal(among[1, :50], alone[0])


def test_noise_has_the_mean_and_the_variance_of_the_gumbel_distribution():
    noise = gumbel_noise(torch.arange(100), torch.zeros(100), 5_000)

    assert noise.isfinite().all()
    assert float(noise.mean()) == pytest.approx(0.5772, abs=0.01)
    assert float(noise.var()) == pytest.approx(torch.pi**2 / 6, abs=0.02)


def test_frequencies_follow_the_probabilities():
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    count = 20_000
    chosen = sample(logits.expand(count, -1), **_places(count), **_arguments(count))
    assert (chosen.bincount() / count).tolist() == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.02)


def test_rounding_changes_no_draw_of_a_large_vocabulary():
    """As it comes with every change of the batch; inverting a cumulative distribution changed one draw in hundreds."""
    logits_BV = torch.randn(1, 30_000, generator=torch.Generator().manual_seed(0)).expand(200, -1)
    rounded_BV = logits_BV * (1 + 1e-7 * torch.randn(logits_BV.shape, generator=torch.Generator().manual_seed(1)))

    exact = sample(logits_BV, **_places(200), **_arguments(200, temperature=1.7))
    rounded = sample(rounded_BV, **_places(200), **_arguments(200, temperature=1.7))

    assert torch.equal(exact, rounded)
    assert len(exact.unique()) > 150


def test_each_row_has_its_own_limits():
    rows = 2_000
    logits_BV = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log().repeat(4 * rows, 1)
    chosen = sample(
        logits_BV,
        temperature_B=torch.tensor([1.0, 1.0, 1.0, 1e-40]).repeat(rows),
        top_k_B=torch.tensor([0, 2, 0, 0]).repeat(rows),
        top_p_B=torch.tensor([1.0, 1.0, 0.9, 1.0]).repeat(rows),
        **_places(4 * rows),
    )
    drawn = [set(chosen[place::4].tolist()) for place in range(4)]
    assert drawn == [{0, 1, 2, 3}, {0, 1}, {0, 1, 2}, {0}]


@given(
    logits=st.lists(st.integers(-20, 20), min_size=2, max_size=12, unique=True),
    top_k=st.integers(0, 15),
    top_p=st.floats(0.01, 1.0),
)
@settings(max_examples=examples(200))
def test_the_limits_keep_what_their_definitions_say(logits, top_k, top_p):
    scores = torch.tensor([logits], dtype=torch.float32) / 5

    by_k = keep_top_k(scores, torch.tensor([top_k]))
    by_p = keep_top_p(scores, torch.tensor([top_p]))

    assert int(by_k.isfinite().sum()) == min(top_k or len(logits), len(logits))
    probabilities = scores[0].double().softmax(0)
    kept = probabilities[by_p[0].isfinite()]
    assert float(kept.sum()) >= min(top_p, 1.0) - 1e-6
    assert len(kept) == 1 or float(kept.sum() - kept.min()) < top_p + 1e-6


def test_a_forbidden_token_is_never_drawn():
    logits = torch.tensor([[0.0, -torch.inf, 0.0]]).expand(2_000, -1)
    chosen = sample(logits, **_places(2_000), **_arguments(2_000))
    assert set(chosen.tolist()) == {0, 2}
