"""The calibration of a tuned model: what makes the probabilities of its answers agree with how often they are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, cast

MAX_THRESHOLDS: Final = 500
"""Maximum number of thresholds of a tuned model, so that every gRPC client can read it."""

MAX_KEPT_ANSWERS: Final = 500
MAX_KEPT_CHARACTERS: Final = 100_000
"""Maximum length of the labels of the held-out answers that are kept."""

MAX_P_VALUE: Final = 0.05
"""Probability of the deviations of held-out answers by chance, up to which they are evidence for a temperature."""

PRECISIONS: Final = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98)
"""Precisions for which thresholds are computed."""


class CalibrationSource(Enum):
    """The answers on which a calibration was fitted.

    Attributes:
        HELD_OUT: Those of the model itself to the held-out rows.
        HELD_OUT_BEFORE_REFIT: Those of the model before its refit on all rows. The refitted model has seen the held-out
            rows, so its own answers to them say nothing about new inputs.
    """

    HELD_OUT = "held_out"
    HELD_OUT_BEFORE_REFIT = "held_out_before_refit"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionThreshold:
    """The smallest probability from which on answers are estimated to be right often enough.

    Attributes:
        precision: Wanted share of right answers among those with at least this probability.
        probability: The calibrated probability of the answer as a whole.
        row_count: Number of held-out answers with the label and at least this probability.
        right_count: Number of right ones among them.
        label: The threshold is for answers with this label; empty for answers with a label that has no threshold of its
            own.
        estimated_precision: Estimated share of right answers among those with at least this probability; None for
            models stored before thresholds were estimates, whose lower bound reaches the precision.
        precision_lower_bound: Lower bound of this share that these held-out answers alone show with a confidence of
            80 %; None for the same models.
    """

    precision: float
    probability: float
    row_count: int
    right_count: int
    label: str = ""
    estimated_precision: float | None = None
    precision_lower_bound: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCalibration:
    """The calibration of the answers of a closed task by temperature scaling (Guo et al. 2017).

    Attributes:
        temperature: Divisor of the log-probabilities of the label sets; above 1 it makes answers less certain. It does
            not change their order. It is 1 if the held-out rows are no evidence for another one.
        source: The answers on which it was fitted.
        row_count: Number of held-out rows with which the errors were measured.
        fitted_row_count: Number of these rows whose right answer is a candidate; the answers to the others are wrong.
        expected_calibration_error_before: Expected calibration error without the temperature, in [0, 1].
        expected_calibration_error_after: The same with a temperature, cross-fitted: that of each row was fitted without
            the row.
        expected_calibration_error_by_chance: Mean error of as many answers that are right as often as their
            probabilities say; None for models stored before it was computed.
        p_value: Probability of deviations as large as those of the held-out answers if the probabilities without the
            temperature were right; None for the same models.
        thresholds: For each of `PRECISIONS`, that of all answers, which labels without a threshold of their own share,
            and those of labels. None with fewer than 30 rows.
        kept_answers: Held-out answers with their calibrated probabilities, each as `[labels, probability]`, with which
            later answers are compared; see `held_out_answers`. Empty for models stored before they were kept.
    """

    temperature: float
    source: CalibrationSource
    row_count: int
    fitted_row_count: int
    expected_calibration_error_before: float
    expected_calibration_error_after: float
    expected_calibration_error_by_chance: float | None = None
    p_value: float | None = None
    thresholds: tuple[PrecisionThreshold, ...] = ()
    kept_answers: tuple[object, ...] = ()

    @property
    def held_out_answers(self) -> list[tuple[tuple[str, ...], float]]:
        """The kept answers: their labels, in canonical order, and their calibrated probabilities."""
        kept = cast("tuple[Any, ...]", self.kept_answers)
        return [(tuple(labels), float(probability)) for labels, probability in kept]

    def threshold(self, labels: Sequence[str], min_precision: float) -> float | None:
        """Return the probability from which on an answer keeps a precision, or None if no probability is known to.

        A label without a threshold of its own has the one that such labels share. An answer with several labels must
        reach the largest of their thresholds.

        Args:
            labels: The labels of the answer.
            min_precision: The wanted precision; that of the next larger one of `PRECISIONS` counts.
        """
        precision = min((item for item in PRECISIONS if item >= min_precision), default=None)
        found = {item.label: item.probability for item in self.thresholds if item.precision == precision}
        needed = [found.get(label, found.get("")) for label in labels or ("",)]
        known = [item for item in needed if item is not None]
        return max(known) if known and len(known) == len(needed) else None
