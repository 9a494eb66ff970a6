"""Choosing among candidates for a whole batch at once.

Every row draws from numbers of its own, made from its own seed before it starts: what other rows do, when they join and
how many there are never changes them.

Legend: B rows, V vocabulary, N tokens at most.
"""

from __future__ import annotations

import torch
from torch import Tensor


def uniform_draws(seed: int, count: int) -> Tensor:
    """The random numbers of one request.

    Shape:
        Returns `[N]`, in [0, 1).
    """
    generator = torch.Generator()
    generator.manual_seed(seed)
    return torch.rand(count, generator=generator, dtype=torch.float64)


def sample(logits_BV: Tensor, *, temperature_B: Tensor, top_k_B: Tensor, top_p_B: Tensor, draw_B: Tensor) -> Tensor:
    """Draws one candidate for each row, by inverting the cumulative distribution at the row's draw.

    Top-k applies before top-p (Holtzman et al. 2020, arXiv 1904.09751); ties at either border stay in.

    Shape:
        logits_BV: `[B, V]`, fp32. The others `[B]`. Returns `[B]`.
    """
    scores_BV = logits_BV / temperature_B[:, None]
    scores_BV = keep_top_p(keep_top_k(scores_BV, top_k_B), top_p_B)
    # fp64: over a large vocabulary an fp32 sum loses the tail.
    cumulative_BV = scores_BV.double().softmax(dim=-1).cumsum(dim=-1)
    wanted_B1 = (draw_B.to(cumulative_BV) * cumulative_BV[:, -1])[:, None]
    chosen_B = torch.searchsorted(cumulative_BV, wanted_B1, right=True).squeeze(1)
    return chosen_B.clamp_(max=logits_BV.shape[1] - 1)


def keep_top_k(scores_BV: Tensor, top_k_B: Tensor) -> Tensor:
    """Leaves the k highest scores of each row; 0 leaves all."""
    largest = int(top_k_B.max())
    if not largest:
        return scores_BV
    vocabulary = scores_BV.shape[1]
    top_BK = scores_BV.topk(min(largest, vocabulary), dim=-1).values
    place_B1 = (top_k_B - 1).clamp(0, top_BK.shape[1] - 1)[:, None]
    dropped_BV = (scores_BV < top_BK.gather(1, place_B1)) & (top_k_B > 0)[:, None]
    return scores_BV.masked_fill(dropped_BV, -torch.inf)


def keep_top_p(scores_BV: Tensor, top_p_B: Tensor) -> Tensor:
    """Leaves the fewest likeliest candidates of each row whose probabilities reach p; 1 leaves all."""
    if bool((top_p_B >= 1).all()):
        return scores_BV
    ordered_BV = scores_BV.sort(dim=-1, descending=True).values
    probability_BV = ordered_BV.double().softmax(dim=-1)
    # A candidate stays when those before it have not reached p; the first always does.
    before_BV = probability_BV.cumsum(dim=-1) - probability_BV
    kept_B = (before_BV < top_p_B[:, None].double()).sum(dim=-1).clamp(min=1)
    border_B1 = ordered_BV.gather(1, (kept_B - 1)[:, None])
    dropped_BV = (scores_BV < border_B1) & (top_p_B < 1)[:, None]
    return scores_BV.masked_fill(dropped_BV, -torch.inf)
