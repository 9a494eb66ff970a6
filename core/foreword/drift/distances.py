"""Distances between the distributions of two samples, honest for small samples.

The Jensen-Shannon divergence (Lin 1991) of two samples of one distribution is not 0: with many categories and few rows
it is large. Its mean under exchanged rows, from permutations, is therefore subtracted, and the share of permutations
that reach it is the probability of as large a divergence by chance. Its spread comes from the bootstrap over rows. Both
draw whole rows, because the words of one row are not independent. Differences of means have their probability from
permutations, too: with few rows, or shares near 0, a normal distribution would find too many.

Shapes: N rows of the reference, M requests, K categories, R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

NUM_PERMUTATIONS: Final = 2_000
NUM_RESAMPLES: Final = 200
_Z: Final = NormalDist().inv_cdf(0.975)
_SEED: Final = 1991
_PIECE: Final = 50
"""Resamples that are computed together."""

Floats = NDArray[np.float64]
Weights = NDArray[np.float32]
Check = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """A distance.

    Attributes:
        value: The distance; 0 for equal distributions, up to chance.
        lower: Lower end of its 95 % interval.
        upper: Upper end of its 95 % interval.
        p_value: Probability of as large a distance between samples of one distribution.
    """

    value: float
    lower: float
    upper: float
    p_value: float


def divergence(reference_NK: Floats, requests_MK: Floats, check: Check = lambda: None) -> Distance:
    """Return the divergence of the distributions over categories in two samples of rows, in bits.

    Args:
        reference_NK: How often each category occurs in each row of the reference.
        requests_MK: The same for each request.
        check: Called many times a second; raises an error to stop.
    """
    random = np.random.default_rng(_SEED)
    first, second = reference_NK.astype(np.float32), requests_MK.astype(np.float32)
    both = np.concatenate([first, second])
    first_K, second_K = reference_NK.sum(axis=0), requests_MK.sum(axis=0)
    observed = float(_jensen_shannon(first_K[None], second_K[None])[0])

    def permuted(count: int) -> Floats:
        sums_RK = (_exchanged(random, count, len(first), len(both)) @ both).astype(np.float64)
        return _jensen_shannon(sums_RK, first_K + second_K - sums_RK)

    def resampled(count: int) -> Floats:
        sums = [(_drawn(random, count, len(rows)) @ rows).astype(np.float64) for rows in (first, second)]
        return _jensen_shannon(*sums)

    chance = _in_pieces(permuted, NUM_PERMUTATIONS, check)
    value = observed - float(chance.mean())
    half = _Z * float(_in_pieces(resampled, NUM_RESAMPLES, check).std())
    reached = int((chance >= observed - 1e-12).sum())
    return Distance(value=value, lower=value - half, upper=value + half, p_value=(1 + reached) / (1 + NUM_PERMUTATIONS))


def difference(
    reference_N: Floats, requests_M: Floats, check: Check = lambda: None, *, are_shares: bool = False
) -> Distance:
    """Return the mean of the requests minus that of the reference.

    Args:
        check: Called many times a second; raises an error to stop.
        are_shares: Whether the means are shares, whose errors are those of Agresti and Caffo (2000): with a 0 and a 1
            more in each sample, so that they are not 0 even if no value differs from 0.
    """
    more = np.array([0.0, 1.0]) if are_shares else np.array([])
    both = np.concatenate([reference_N, requests_M])
    random = np.random.default_rng(_SEED)

    def score(sums_R2: Floats, squares_R2: Floats) -> Floats:
        """Return the differences in units of their errors, from sums over the reference and over the requests."""
        sizes_2 = np.array([len(reference_N), len(requests_M)])
        counts_2 = sizes_2 + len(more)
        means_R2 = (sums_R2 + more.sum()) / counts_2
        variances_R2 = np.maximum(0.0, (squares_R2 + (more**2).sum()) / counts_2 - means_R2**2)
        errors_R = np.sqrt((variances_R2 / np.maximum(1, counts_2 - 1)).sum(axis=1))
        found: Floats = np.abs(np.diff(sums_R2 / sizes_2, axis=1)[:, 0]) / np.maximum(errors_R, 1e-9)
        return found

    def permuted(count: int) -> Floats:
        chosen = _exchanged(random, count, len(reference_N), len(both)).astype(np.float64)
        parts = [np.stack([chosen @ values, values.sum() - chosen @ values], axis=1) for values in (both, both**2)]
        return score(*parts)

    samples = (reference_N, requests_M)
    observed = score(*(np.array([[(item**power).sum() for item in samples]]) for power in (1, 2)))
    reached = int((_in_pieces(permuted, NUM_PERMUTATIONS, check) >= observed * (1 - 1e-9) - 1e-9).sum())
    widened = [np.append(item, more) for item in samples]
    middle = float(widened[1].mean() - widened[0].mean())
    half = _Z * math.sqrt(sum(float(item.var()) / max(1, len(item) - 1) for item in widened))
    return Distance(
        value=float(requests_M.mean() - reference_N.mean()),
        lower=middle - half,
        upper=middle + half,
        p_value=(1 + reached) / (1 + NUM_PERMUTATIONS),
    )


def _in_pieces(sample: Callable[[int], Floats], count: int, check: Check) -> Floats:
    found = []
    for begin in range(0, count, _PIECE):
        check()
        found.append(sample(min(_PIECE, count - begin)))
    return np.concatenate(found)


def _exchanged(random: np.random.Generator, count: int, chosen: int, rows: int) -> Weights:
    """Return which of all rows are those of the reference in permutations."""
    found: Weights = np.zeros((count, rows), dtype=np.float32)
    for place in range(count):
        found[place, random.permutation(rows)[:chosen]] = 1
    return found


def _drawn(random: np.random.Generator, count: int, rows: int) -> Weights:
    """Return how often each row is drawn in resamples, each of as many rows."""
    drawn: Weights = random.multinomial(rows, np.full(rows, 1 / rows), size=count).astype(np.float32)
    return drawn


def _jensen_shannon(first_RK: Floats, second_RK: Floats) -> Floats:
    """Return the divergence in bits of the distributions in each row; 0 where one of them is empty."""
    with np.errstate(divide="ignore", invalid="ignore"):
        p_RK = first_RK / first_RK.sum(axis=1, keepdims=True)
        q_RK = second_RK / second_RK.sum(axis=1, keepdims=True)
        m_RK = (p_RK + q_RK) / 2
        terms = [np.where(part > 0, part * np.log2(part / m_RK), 0.0).sum(axis=1) / 2 for part in (p_RK, q_RK)]
    found: Floats = np.nan_to_num(terms[0] + terms[1])
    return found
