"""Choosing among candidates for a whole batch at once.

Every row draws from numbers of its own, made of its seed, the place in its answer and the candidate: what other rows
do, when they join and how many there are never changes them.

Legend: B rows, V vocabulary.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

_LEAST_TEMPERATURE: Final = 1e-5
"""Below it the likeliest candidate is as good as certain, and the division would overflow."""


def sample(
    logits_BV: Tensor, *, temperature_B: Tensor, top_k_B: Tensor, top_p_B: Tensor, seed_B: Tensor, count_B: Tensor
) -> Tensor:
    """Draw one candidate for each row, as the highest score once Gumbel noise is added to it.

    Not by inverting the cumulative distribution: there the rounding of one probability, which depends on who shares the
    batch, moves the borders of all candidates behind it, and with a large vocabulary changes a draw in hundreds.

    Top-k applies before top-p (Holtzman et al. 2020, arXiv 1904.09751); ties at either border stay in.

    Args:
        seed_B: Seed of each request, in [0, 2^32).
        count_B: Draws that each row has made.

    Shape:
        logits_BV: `[B, V]`, fp32. The others `[B]`. Returns `[B]`.
    """
    scores_BV = logits_BV - logits_BV.amax(dim=-1, keepdim=True)
    scores_BV = scores_BV / temperature_B.clamp(min=_LEAST_TEMPERATURE)[:, None]
    scores_BV = keep_top_p(keep_top_k(scores_BV, top_k_B), top_p_B)
    return (scores_BV + gumbel_noise(seed_B, count_B, logits_BV.shape[1])).argmax(dim=-1)


def gumbel_noise(seed_B: Tensor, count_B: Tensor, size: int) -> Tensor:
    """Return Gumbel-distributed numbers, made from a hash of seed, place and candidate, so there is no state.

    Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", for numbers out of a counter.

    Shape:
        Returns `[B, V]`, fp32, finite.
    """
    key_B = _mixed(_mixed(seed_B.to(torch.int32)) + count_B.to(torch.int32))
    candidate_V = torch.arange(size, dtype=torch.int32, device=seed_B.device)
    bits_BV = _mixed(_mixed(candidate_V ^ key_B[:, None]).add_(_mixed(~key_B)[:, None]))
    # 24 bits, as many as fp32 can hold; never 0 or 1, whose logarithms are not finite. log1p keeps what is near 0,
    # where the winners are.
    uniform_BV = ((bits_BV >> 8) & 0xFFFFFF).to(torch.float32).add_(0.5).mul_(2.0**-24).clamp_(max=1 - 2.0**-24)
    return uniform_BV.neg_().log1p_().neg_().log_().neg_()


def _mixed(value: Tensor) -> Tensor:
    """Mix 32-bit numbers with a bijection in which every bit depends on every other: the finalizer of MurmurHash3."""
    value = value ^ ((value >> 16) & 0xFFFF)
    value = value * (0x85EBCA6B - 2**32)
    value = value ^ ((value >> 13) & 0x7FFFF)
    value = value * (0xC2B2AE35 - 2**32)
    return value ^ ((value >> 16) & 0xFFFF)


def keep_top_k(scores_BV: Tensor, top_k_B: Tensor) -> Tensor:
    """Keep the k highest scores of each row; 0 keeps all."""
    largest = int(top_k_B.max())
    if not largest:
        return scores_BV
    vocabulary = scores_BV.shape[1]
    top_BK = scores_BV.topk(min(largest, vocabulary), dim=-1).values
    place_B1 = (top_k_B - 1).clamp(0, top_BK.shape[1] - 1)[:, None]
    dropped_BV = (scores_BV < top_BK.gather(1, place_B1)) & (top_k_B > 0)[:, None]
    return scores_BV.masked_fill(dropped_BV, -torch.inf)


def keep_top_p(scores_BV: Tensor, top_p_B: Tensor) -> Tensor:
    """Keep the fewest likeliest candidates of each row whose probabilities reach p; 1 keeps all."""
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
