"""Temperature scaling: one number per tuned model that makes the probabilities of its answers fit held-out rows.

The log-probabilities of all candidates are divided by the temperature (Guo et al. 2017), which keeps their order. It is
the one with the smallest squared error of the probability of the answer (Brier 1950), not the one with the largest
likelihood of the right candidates: a few wrong labels decide about that likelihood, and the probabilities of the
answers then fit less than before.

A few dozen rows have a calibration error by chance alone. The temperature is therefore 1 unless a score test rejects 1
with 5 % (in the manner of Spiegelhalter 1986): the deviations of right answers from their probabilities, each weighed
by how fast the temperature changes the probability. If it does, a prior with the mode 1 and the weight of five
rows or so keeps few rows from moving the temperature far.

Shapes: N rows, C candidates, T temperatures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foreword.domain.answer_calibration import (
    MAX_KEPT_ANSWERS,
    MAX_KEPT_CHARACTERS,
    MAX_P_VALUE,
    AnswerCalibration,
    CalibrationSource,
)
from foreword.evaluation.calibration import calibration
from foreword.evaluation.precision import JudgedAnswer, precision_thresholds

PRIOR_ROWS: Final = 5.0
"""Weight of the prior, in rows."""
MAX_FITTED_ROWS: Final = 1_000
"""Maximum number of rows that are read: one number does not need more."""
MAX_PRIOR_COST: Final = 0.5
"""Maximum cost of a temperature per row of the prior, in nats: that of about 3.3 and of 0.4. Answers with a probability
of nearly 1 that are often wrong need a far larger one, and little changes on the way there."""
_FOLDS: Final = 10
_LARGEST: Final = 10.0
"""Largest temperature, and the inverse of the smallest."""
_TEMPERATURES: Final = np.geomspace(1 / _LARGEST, _LARGEST, 117)
"""Temperatures to choose from, in steps of 4 %; the one in the middle is 1."""
_DRAWS: Final = 50
"""Simulated results from which the calibration error by chance is computed."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedTemperature:
    """A temperature and the evidence for it.

    Attributes:
        temperature: 1 if the p-value is above `MAX_P_VALUE`.
        p_value: Probability of deviations as large as those of the answers if their probabilities were right.
    """

    temperature: float
    p_value: float


def fit_temperature(
    answers: Sequence[ScoredAnswer], *, prior_rows: float = PRIOR_ROWS, check: Callable[[], None] = lambda: None
) -> FittedTemperature:
    """Return the temperature that fits the answers best, or 1 without evidence for another one.

    An answer whose right one is no candidate is wrong.

    Args:
        prior_rows: Weight of the prior, in rows.
        check: Called for each row and each step of the search; raises an error to stop.
    """
    return _Curves(answers, check).fit(np.ones(len(answers), dtype=bool), prior_rows)


def calibrate(
    answers: Sequence[ScoredAnswer], source: CalibrationSource, *, check: Callable[[], None] = lambda: None
) -> AnswerCalibration | None:
    """Fit the temperature of a tuned model, measure the calibration error with and without it, and set thresholds.

    The error with it is cross-fitted in ten parts: the temperature of each part, and whether there is evidence for one,
    come from the other nine.

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
    curves = _Curves(used, check)
    fold_N = np.arange(len(used)) % _FOLDS
    after = []
    for fold in range(min(_FOLDS, len(used))):
        check()
        temperature = curves.fit(fold_N != fold).temperature
        after += [(answer.probability(temperature), answer.is_right) for answer in used[fold::_FOLDS]]
    found = curves.fit(fold_N >= 0)
    before = [(answer.probability(1.0), answer.is_right) for answer in used]
    judged = [(answer.labels, answer.probability(found.temperature), answer.is_right) for answer in used]
    return AnswerCalibration(
        temperature=found.temperature,
        p_value=found.p_value,
        source=source,
        row_count=len(used),
        fitted_row_count=fitted,
        expected_calibration_error_before=_error(before),
        expected_calibration_error_after=_error(after),
        expected_calibration_error_by_chance=_error_by_chance([probability for probability, _ in before], check),
        thresholds=precision_thresholds(judged, check=check),
        kept_answers=_kept(judged),
    )


class _Curves:
    """The probabilities of answers at each temperature.

    Args:
        check: Called for each row and each temperature; raises an error to stop.
    """

    def __init__(self, answers: Sequence[ScoredAnswer], check: Callable[[], None]) -> None:
        width = max((len(answer.log_probs) for answer in answers), default=1)
        scores_NC = np.full((len(answers), width), -np.inf)
        for place, answer in enumerate(answers):
            check()
            scores_NC[place, : len(answer.log_probs)] = answer.log_probs
            scores_NC[place] -= answer.log_probs[0]
        self._right_N = np.array([answer.is_right for answer in answers], dtype=np.float64)
        self._probability_TN = np.empty((len(_TEMPERATURES), len(answers)))
        for place, temperature in enumerate(_TEMPERATURES):
            check()
            self._probability_TN[place] = 1 / np.exp(scores_NC / temperature).sum(axis=1)
        # The derivative of each probability by the logarithm of the temperature, at 1.
        weights_NC = np.exp(scores_NC)
        present_NC = np.where(np.isfinite(scores_NC), scores_NC, 0.0)
        self._slope_N = (weights_NC * present_NC).sum(axis=1) / weights_NC.sum(axis=1) ** 2

    def fit(self, used_N: NDArray[np.bool_], prior_rows: float = PRIOR_ROWS) -> FittedTemperature:
        """Fit the temperature to some of the answers."""
        p_value = self._p_value(used_N)
        if p_value > MAX_P_VALUE:
            return FittedTemperature(temperature=1.0, p_value=p_value)
        error_T = ((self._probability_TN[:, used_N] - self._right_N[used_N]) ** 2).sum(axis=1)
        # Twice the squared error curves like the negative log-likelihood of a probability of about 1/2, in nats.
        prior_T = np.minimum(1 / _TEMPERATURES + np.log(_TEMPERATURES) - 1, MAX_PRIOR_COST)
        loss_T = 2 * error_T + prior_rows * prior_T
        return FittedTemperature(temperature=float(_TEMPERATURES[loss_T.argmin()]), p_value=p_value)

    def _p_value(self, used_N: NDArray[np.bool_]) -> float:
        probability_N = self._probability_TN[len(_TEMPERATURES) // 2, used_N]
        slope_N = self._slope_N[used_N]
        variance = float((slope_N**2 * probability_N * (1 - probability_N)).sum())
        if variance <= 0:
            return 1.0
        deviation = float((slope_N * (self._right_N[used_N] - probability_N)).sum())
        return math.erfc(abs(deviation) / math.sqrt(2 * variance))


def _error_by_chance(probabilities: Sequence[float], check: Callable[[], None]) -> float:
    """Return the mean calibration error of answers that are right as often as their probabilities say."""
    random = np.random.default_rng(0)
    errors = []
    for _ in range(_DRAWS):
        check()
        right = random.random(len(probabilities)) < probabilities
        errors.append(_error(list(zip(probabilities, right.tolist(), strict=True))))
    return fmean(errors)


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


def _error(answers: Sequence[tuple[float, bool]]) -> float:
    found = calibration(answers)
    assert found is not None, "there are answers"
    return found.expected_calibration_error


def _spread(answers: Sequence[ScoredAnswer]) -> Sequence[ScoredAnswer]:
    """Return all answers, or as many as are read, spread evenly over them."""
    if len(answers) <= MAX_FITTED_ROWS:
        return answers
    return [answers[(2 * tick + 1) * len(answers) // (2 * MAX_FITTED_ROWS)] for tick in range(MAX_FITTED_ROWS)]
