"""Bounds of a rate that hold at every moment of a sequence of trials, however often one looks.

They are the confidence sequence of the mixture martingale of Robbins with a uniform prior (H. Robbins, "Statistical
methods related to the law of the iterated logarithm", 1970): for k successes in n independent trials of probability p,

    M(p) = B(k + 1, n - k + 1) / (p^k (1 - p)^(n - k))

is a martingale that starts at 1. By Ville's inequality it ever reaches 1/e with a probability of at most e. The rates
with M(p) < 1/e therefore contain the true rate at all times, except with probability e.
"""

from __future__ import annotations

import math

_STEPS = 50


def exceeds(successes: int, trials: int, rate: float, error_probability: float) -> bool:
    """Return whether the true rate is above `rate`, which is wrong with at most the given probability over all looks.

    Args:
        rate: Range [0, 1].
    """
    if not trials or successes <= rate * trials:
        return False
    return _log_evidence(successes, trials, rate) >= -math.log(error_probability)


def lower_bound(successes: int, trials: int, error_probability: float) -> float:
    """Return a rate that the true rate exceeds at all times, except with the given probability."""
    low, high = 0.0, successes / trials if trials else 0.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if exceeds(successes, trials, middle, error_probability) else (low, middle)
    return low


def upper_bound(successes: int, trials: int, error_probability: float) -> float:
    """Return a rate that the true rate stays below at all times, except with the given probability."""
    return 1 - lower_bound(trials - successes, trials, error_probability)


def _log_evidence(successes: int, trials: int, rate: float) -> float:
    """Return the logarithm of M(rate), the evidence against this rate."""
    failures = trials - successes
    log_beta = math.lgamma(successes + 1) + math.lgamma(failures + 1) - math.lgamma(trials + 2)
    return log_beta - _times_log(successes, rate) - _times_log(failures, 1 - rate)


def _times_log(count: int, rate: float) -> float:
    if not count:
        return 0.0
    return count * math.log(rate) if rate > 0 else -math.inf
