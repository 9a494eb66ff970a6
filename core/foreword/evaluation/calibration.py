"""Calibration: how well the probabilities of answers agree with how often they are right."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from foreword.domain.report import Calibration, CalibrationBin

MAX_BINS: Final = 10


def calibration(answers: Iterable[tuple[float, bool]]) -> Calibration | None:
    """Return the expected calibration error (Naeini et al. 2015, Guo et al. 2017) over at most ten bins.

    The bins have nearly equally many rows, not equally wide ranges of probabilities (Nixon et al. 2019): nearly all
    answers of a good model are in the topmost range. Answers with the same probability share a bin, so that the order
    of the rows does not matter.

    Args:
        answers: The probability of each answer, in [0, 1], and whether it is right.

    Returns:
        The calibration, or None without answers.

    Raises:
        ValueError: A probability is not in [0, 1].
    """
    pairs = sorted((float(probability), bool(is_right)) for probability, is_right in answers)
    if not pairs:
        return None
    probability_N, right_N = (np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))
    outside = ~((probability_N >= 0) & (probability_N <= 1))
    if outside.any():
        raise ValueError(f"an answer has the probability {probability_N[outside][0]}; it must be in [0, 1]")
    edges = [len(pairs) * place // MAX_BINS for place in range(MAX_BINS)]
    # Each edge moves to the first of the answers with the same probability.
    starts = sorted({int(np.searchsorted(probability_N, probability_N[edge])) for edge in edges})
    bins = tuple(
        CalibrationBin(
            mean_probability=float(probability_N[start:end].mean()),
            accuracy=float(right_N[start:end].mean()),
            row_count=end - start,
        )
        for start, end in zip(starts, [*starts[1:], len(pairs)], strict=True)
    )
    error = sum(bin.row_count * abs(bin.mean_probability - bin.accuracy) for bin in bins) / len(pairs)
    return Calibration(expected_calibration_error=error, bins=bins)
