"""Temperature scaling: one number per tuned model that makes the probabilities of its answers fit held-out rows.

The log-probabilities of all candidates are divided by the temperature (Guo et al. 2017), which keeps their order. It is
the one with the largest likelihood of the right answers, times a prior. The inverse of the temperature has a gamma
prior with the mode 1, which weighs as much as PRIOR_ROWS rows or so: a row informs about the inverse by the variance of
its candidates' log-probabilities, which is about 1. Few rows thus hardly move the temperature from 1, and
with 40 rows the prior takes back about a tenth.

Shapes: N rows, C candidates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foreword.domain.answer_calibration import (
    MAX_KEPT_ANSWERS,
    MAX_KEPT_CHARACTERS,
    AnswerCalibration,
    CalibrationSource,
)
from foreword.evaluation.calibration import calibration
from foreword.evaluation.precision import JudgedAnswer, precision_thresholds

PRIOR_ROWS: Final = 4.0
"""Weight of the prior, in rows."""
MAX_FITTED_ROWS: Final = 1_000
"""Maximum number of rows that are read: one number does not need more."""
_FOLDS: Final = 10
_LARGEST: Final = 10.0
"""Largest temperature, and the inverse of the smallest."""
_HALVINGS: Final = 30

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredAnswer:
    """The candidates of one row, likeliest first.

    Attributes:
        labels: The likeliest candidate, which is the answer.
        log_probs: Log-probability of each candidate, in nats.
        right: Place of the right answer among them; None if it is no candidate, so that the answer is wrong.
    """

    labels: tuple[str, ...]
    log_probs: tuple[float, ...]
    right: int | None

    @property
    def is_right(self) -> bool:
        """Whether the likeliest candidate is the right answer."""
        return self.right == 0

    def probability(self, temperature: float) -> float:
        """Return the probability of the likeliest candidate among all."""
        best = self.log_probs[0]
        return 1 / sum(math.exp((value - best) / temperature) for value in self.log_probs)


def fit_temperature(
    answers: Sequence[ScoredAnswer], *, prior_rows: float = PRIOR_ROWS, check: Callable[[], None] = lambda: None
) -> float:
    """Return the temperature that fits the answers best; 1 without answers.

    Answers whose right one is no candidate are left out: no temperature gives it a probability.

    Args:
        prior_rows: Weight of the prior, in rows; above 0.
        check: Called for each row and each step of the search; raises an error to stop.
    """
    fitting = [answer for answer in answers if answer.right is not None]
    if not fitting:
        return 1.0
    width = max(len(answer.log_probs) for answer in fitting)
    scores_NC = np.full((len(fitting), width), -np.inf)
    for place, answer in enumerate(fitting):
        check()
        scores_NC[place, : len(answer.log_probs)] = answer.log_probs
    scores_NC -= scores_NC.max(axis=1, keepdims=True)
    right_N = scores_NC[np.arange(len(fitting)), [answer.right or 0 for answer in fitting]]
    # The slope grows with the inverse temperature, because the negative log-likelihood and the prior are convex in it.
    low, high = -math.log(_LARGEST), math.log(_LARGEST)
    for _ in range(_HALVINGS):
        check()
        middle = (low + high) / 2
        inverse = math.exp(middle)
        slope = _expected(scores_NC, inverse) - float(right_N.sum()) + prior_rows * (1 - 1 / inverse)
        low, high = (low, middle) if slope > 0 else (middle, high)
    return math.exp(-(low + high) / 2)


def calibrate(
    answers: Sequence[ScoredAnswer], source: CalibrationSource, *, check: Callable[[], None] = lambda: None
) -> AnswerCalibration | None:
    """Fit the temperature of a tuned model, measure the calibration error with and without it, and set thresholds.

    The error with it is cross-fitted in ten parts: the temperature of each part is fitted on the other nine.

    Args:
        answers: The answers to the held-out rows; of more than 1,000, as many are read, spread evenly.
        source: Which model gave them.
        check: Called many times a second; raises an error to stop.

    Returns:
        The calibration, or None if no row has its right answer among the candidates.
    """
    used = _spread(answers)
    fitted = sum(answer.right is not None for answer in used)
    if not fitted:
        return None
    after = []
    for fold in range(min(_FOLDS, len(used))):
        check()
        others = [answer for place, answer in enumerate(used) if place % _FOLDS != fold]
        temperature = fit_temperature(others, check=check)
        after += [(answer.probability(temperature), answer.is_right) for answer in used[fold::_FOLDS]]
    check()
    temperature = fit_temperature(used, check=check)
    judged = [(answer.labels, answer.probability(temperature), answer.is_right) for answer in used]
    return AnswerCalibration(
        temperature=temperature,
        source=source,
        row_count=len(used),
        fitted_row_count=fitted,
        expected_calibration_error_before=_error([(answer.probability(1.0), answer.is_right) for answer in used]),
        expected_calibration_error_after=_error(after),
        thresholds=precision_thresholds(judged, check=check),
        kept_answers=_kept(judged),
    )


def _kept(judged: Sequence[JudgedAnswer]) -> tuple[object, ...]:
    """Return answers to compare later ones with, spread evenly, as many as fit."""
    step = -(-len(judged) // MAX_KEPT_ANSWERS)
    kept: list[object] = []
    room = MAX_KEPT_CHARACTERS
    for labels, probability, _ in judged[::step]:
        room -= sum(map(len, labels))
        if room < 0:
            break
        kept.append([list(labels), round(probability, 4)])
    return tuple(kept)


def _expected(scores_NC: Floats, inverse: float) -> float:
    """Return the sum over the rows of the expected score of a candidate at an inverse temperature."""
    weights_NC = np.exp(scores_NC * inverse)
    present_NC = np.where(np.isfinite(scores_NC), scores_NC, 0.0)
    return float(((weights_NC * present_NC).sum(axis=1) / weights_NC.sum(axis=1)).sum())


def _error(answers: Sequence[tuple[float, bool]]) -> float:
    found = calibration(answers)
    assert found is not None, "there are answers"
    return found.expected_calibration_error


def _spread(answers: Sequence[ScoredAnswer]) -> Sequence[ScoredAnswer]:
    """Return all answers, or as many as are read, spread evenly over them."""
    if len(answers) <= MAX_FITTED_ROWS:
        return answers
    return [answers[(2 * tick + 1) * len(answers) // (2 * MAX_FITTED_ROWS)] for tick in range(MAX_FITTED_ROWS)]
