"""Confidence intervals of metrics, and of differences between metrics on the same rows.

Bootstrap intervals are too narrow if only a few rows are wrong, or if two systems differ in only a few rows: the rows
say little about how many there could be. Shares of rows therefore have intervals of their own, and bootstrap intervals
are widened by as much as such an interval of a share would be.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foreword.domain.report import Interval

CONFIDENCE: Final = 0.95
"""Share of such intervals that contain the true value."""

_NORMAL: Final = NormalDist()
_Z: Final = _NORMAL.inv_cdf((1 + CONFIDENCE) / 2)


def share_interval(share: float, row_count: int) -> Interval:
    """Return the interval of a share of rows (Wilson 1927). It holds even if all rows are right, or none."""
    squares = _Z * _Z
    middle = (share + squares / (2 * row_count)) / (1 + squares / row_count)
    spread = math.sqrt(share * (1 - share) / row_count + squares / (4 * row_count**2))
    half = _Z * spread / (1 + squares / row_count)
    return Interval(lower=max(0.0, min(middle - half, share)), upper=min(1.0, max(middle + half, share)))


def share_difference_interval(only_first: int, only_second: int, row_count: int) -> Interval:
    """Return the interval of the difference of two shares of the same rows (Bonett and Price 2012).

    Two rows are added in which the systems differ, one for each of them. So it holds even if they differ in no row.

    Args:
        only_first: Number of rows that count for the first share only.
        only_second: Number of rows that count for the second share only.
    """
    first, second = (only_first + 1) / (row_count + 2), (only_second + 1) / (row_count + 2)
    half = _Z * math.sqrt((first + second - (first - second) ** 2) / (row_count + 2))
    difference = (only_first - only_second) / row_count
    return Interval(
        lower=max(-1.0, min(first - second - half, difference)), upper=min(1.0, max(first - second + half, difference))
    )


def bca_interval(estimate: float, resampled_R: NDArray[np.float64], left_out_G: NDArray[np.float64]) -> Interval | None:
    """Return the bias-corrected and accelerated bootstrap interval (Efron 1987).

    Args:
        estimate: The value on all rows.
        resampled_R: The values on resamples of the rows.
        left_out_G: The values without one of G equally large groups of rows.

    Returns:
        The interval, which contains the estimate; None if all resamples have the same value.
    """
    spread = float(np.ptp(resampled_R))
    if spread <= 1e-12 * max(1.0, abs(estimate)):
        return None
    # Resamples with the value of the estimate count half: metrics of few rows have few different values.
    tolerance = 1e-9 * spread
    below = float(np.mean(resampled_R < estimate - tolerance))
    equal = float(np.mean(np.abs(resampled_R - estimate) <= tolerance))
    margin = 0.5 / len(resampled_R)
    bias = _NORMAL.inv_cdf(min(max(below + equal / 2, margin), 1 - margin))
    influence_G = left_out_G.mean() - left_out_G
    squares = float((influence_G**2).sum())
    acceleration = float((influence_G**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0
    lower, upper = np.quantile(resampled_R, [_corrected_share(z, bias, acceleration) for z in (-_Z, _Z)]).tolist()
    return Interval(lower=min(lower, estimate), upper=max(upper, estimate))


def _corrected_share(z: float, bias: float, acceleration: float) -> float:
    """Return the share of resamples below the end that is at `z` for a standard normal distribution."""
    slope = 1 - acceleration * (bias + z)
    # Without a positive slope the correction has passed the end of the resamples.
    return _NORMAL.cdf(bias + (bias + z) / slope) if slope > 0 else float(z > 0)


def widened(interval: Interval, estimate: float, differing: int, *, limits: tuple[float, float]) -> Interval:
    """Return an interval as wide as if two more rows differed, as in `share_difference_interval`.

    The variance of a mean grows with the number of rows that differ. So the interval grows by the root of `1 + 2 /
    differing`: by 73 % for one row, by 10 % for ten.

    Args:
        differing: Number of rows on which the width of the interval rests: whose value is not that of most rows.
        limits: Least and largest possible value.
    """
    factor = math.sqrt(1 + 2 / max(1, differing))
    return Interval(
        lower=max(limits[0], estimate - factor * (estimate - interval.lower)),
        upper=min(limits[1], estimate + factor * (interval.upper - estimate)),
    )
