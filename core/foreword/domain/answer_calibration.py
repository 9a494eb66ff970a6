"""The calibration of a tuned model: what makes the probabilities of its answers agree with how often they are right."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


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
class AnswerCalibration:
    """The calibration of the answers of a closed task by temperature scaling (Guo et al. 2017).

    Attributes:
        temperature: Divisor of the log-probabilities of the label sets; above 1 it makes answers less certain. It does
            not change their order.
        source: The answers on which it was fitted.
        row_count: Number of held-out rows with which the errors were measured.
        fitted_row_count: Number of these rows whose right answer is a candidate; only they determine the temperature.
        expected_calibration_error_before: Expected calibration error without the temperature, in [0, 1].
        expected_calibration_error_after: The same with a temperature, cross-fitted: that of each row was fitted without
            the row.
    """

    temperature: float
    source: CalibrationSource
    row_count: int
    fitted_row_count: int
    expected_calibration_error_before: float
    expected_calibration_error_after: float
