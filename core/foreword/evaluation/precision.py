"""Thresholds of probability above which the answers of a tuned model are estimated to keep a wanted precision.

A model holds out a few dozen rows. They prove no precision of a label: to show 0.9 with a confidence of 80 %, 16
answers with the label must all be right. The thresholds are therefore estimates, stated with the lower bound that the
rows do show. The log-odds that an answer is right are those of its calibrated probability, plus an offset of all
answers, plus the mean of the offsets of its labels. Normal priors with the mean 0 shrink the offsets: few rows hardly
move them, so that a rare label has about the threshold of all answers, and many rows decide for themselves (partial
pooling, Gelman and Hill 2007). The threshold is the smallest probability of a held-out answer from which on the mean
estimate reaches the precision.

Shapes: N answers, L labels, and K offsets, of all answers and of each label.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foreword.domain.answer_calibration import MAX_THRESHOLDS, PRECISIONS, PrecisionThreshold

CONFIDENCE: Final = 0.8
"""Confidence of the lower bound."""
MIN_ANSWERS: Final = 30
"""Minimum number of held-out answers. With 27 of one dataset, a precision of 0.7 was estimated where 0.5 was reached;
with 35 of another, estimates held. No number between them, and no third dataset, was tried."""

_OFFSET_DEVIATION: Final = 0.5
"""Standard deviation of the prior of each offset, in log-odds."""
_POOLED_ROWS: Final = 10.0
"""Weight of the answers without a label in its threshold, in rows."""
_STEPS: Final = 20
_HALVINGS: Final = 40
_LEAST: Final = 1e-6
"""Distance from 0 and 1 that probabilities keep, so that their log-odds are finite."""

JudgedAnswer = tuple[tuple[str, ...], float, bool]
"""The labels of an answer, its calibrated probability, and whether it is right."""
Floats = NDArray[np.float64]


def precision_thresholds(
    answers: Sequence[JudgedAnswer], *, check: Callable[[], None] = lambda: None
) -> tuple[PrecisionThreshold, ...]:
    """Return thresholds for each of `PRECISIONS`: those of all answers, for other labels, then those of each label.

    An answer counts as right if all of its labels are. Labels with more answers come first, and there are at most
    `MAX_THRESHOLDS`. If no held-out answer with a label is probable enough, its threshold is the probability whose own
    estimate is the precision, with a `row_count` of 0.

    Args:
        check: Called for each label; raises an error to stop.

    Returns:
        The thresholds; none with fewer than `MIN_ANSWERS` answers.
    """
    if len(answers) < MIN_ANSWERS:
        return ()
    ordered = sorted(answers, key=lambda item: -item[1])
    counts = Counter(label for labels, _, _ in ordered for label in dict.fromkeys(labels))
    names = [label for label, _ in counts.most_common(MAX_THRESHOLDS // len(PRECISIONS) - 1)]
    holds_NL = np.array([[label in labels for label in names] for labels, _, _ in ordered], dtype=bool)
    probability_N = np.array([probability for _, probability, _ in ordered], dtype=np.float64)
    right_N = np.array([is_right for _, _, is_right in ordered], dtype=bool)
    log_odds_N = _log_odds(probability_N)
    share_NL = holds_NL / np.maximum(1, [[len(set(labels))] for labels, _, _ in ordered])
    offset_K = _offsets(log_odds_N, np.hstack([np.ones((len(ordered), 1)), share_NL]), right_N, check)
    every_N = np.ones(len(ordered), dtype=bool)
    found: list[PrecisionThreshold] = []
    for place, label in enumerate(["", *names]):
        check()
        holds_N = holds_NL[:, place - 1] if label else every_N
        offset = float(offset_K[0] + (offset_K[place] if label else 0.0))
        found += _thresholds(probability_N, right_N, holds_N, offset, label)
    return tuple(found)


def lower_bound(right_count: int, row_count: int) -> float:
    """Return the one-sided lower confidence bound of a share of right answers (Clopper and Pearson 1934).

    It is the share at which this many right answers or more have a probability of 20 %.
    """
    if not right_count:
        return 0.0
    count_W = np.arange(row_count - right_count + 1)
    choices_W = np.array(
        [math.lgamma(row_count + 1) - math.lgamma(w + 1) - math.lgamma(row_count - w + 1) for w in count_W.tolist()]
    )
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        share = (low + high) / 2
        logs_W = choices_W + count_W * math.log1p(-share) + (row_count - count_W) * math.log(share)
        low, high = (share, high) if np.exp(logs_W).sum() <= 1 - CONFIDENCE else (low, share)
    return low


def _offsets(log_odds_N: Floats, design_NK: Floats, right_N: NDArray[np.bool_], check: Callable[[], None]) -> Floats:
    """Return the likeliest offsets of the log-odds under their priors, by Newton's method."""
    precision = 1 / _OFFSET_DEVIATION**2
    offset_K = np.zeros(design_NK.shape[1])
    for _ in range(_STEPS):
        check()
        estimate_N = _probability(log_odds_N + design_NK @ offset_K)
        slope_K = design_NK.T @ (estimate_N - right_N) + precision * offset_K
        weighted_NK = design_NK * (estimate_N * (1 - estimate_N))[:, None]
        curvature_KK = design_NK.T @ weighted_NK + precision * np.eye(len(offset_K))
        offset_K = offset_K - np.linalg.solve(curvature_KK, slope_K)
    return offset_K


def _thresholds(
    probability_N: Floats, right_N: NDArray[np.bool_], holds_N: NDArray[np.bool_], offset: float, label: str
) -> list[PrecisionThreshold]:
    """Return the threshold of a label for each precision. The answers are sorted, the most probable first."""
    others = int((~holds_N).sum())
    weight_N = np.where(holds_N, 1.0, min(1.0, _POOLED_ROWS / max(1, others)))
    estimate_N = _probability(_log_odds(probability_N) + offset)
    mean_N = np.cumsum(weight_N * estimate_N) / np.cumsum(weight_N)
    # Answers of the same probability are above or below a threshold together.
    ends_N = np.append(probability_N[:-1] != probability_N[1:], True)
    found = []
    for precision in PRECISIONS:
        reached = np.flatnonzero(ends_N & (mean_N >= precision))
        if len(reached):
            threshold, estimate = float(probability_N[reached[-1]]), float(mean_N[reached[-1]])
        else:
            threshold, estimate = float(_probability(_log_odds(np.array(precision)) - offset)), precision
        above_N = holds_N & (probability_N >= threshold)
        rows, right = int(above_N.sum()), int((above_N & right_N).sum())
        found.append(
            PrecisionThreshold(
                precision=precision,
                probability=threshold,
                row_count=rows,
                right_count=right,
                label=label,
                estimated_precision=min(1.0, estimate),
                precision_lower_bound=lower_bound(right, rows),
            )
        )
    return found


def _log_odds(probability_N: Floats) -> Floats:
    clipped_N = np.clip(probability_N, _LEAST, 1 - _LEAST)
    return np.log(clipped_N) - np.log1p(-clipped_N)


def _probability(log_odds_N: Floats) -> Floats:
    return 1 / (1 + np.exp(-log_odds_N))
