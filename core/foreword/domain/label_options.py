"""Options of requests for labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foreword.domain.answer_calibration import AnswerCalibration


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelOptions:
    """How a model chooses labels.

    Attributes:
        threshold: Minimum probability of a label set; 0 never abstains.
        min_precision: Minimum share of right answers among those that are given; None if it was not set.
        labels: Labels for a model that was not tuned for a closed task; empty for those of the model.
        multi_label: With `labels`, whether an answer can hold several of them.
        truncate_input_tokens: Keep only this many of the last tokens of an input; 0 for all.
    """

    threshold: float = 0.0
    min_precision: float | None = None
    labels: tuple[str, ...] = ()
    multi_label: bool = False
    truncate_input_tokens: int = 0

    def least_probability(self, labels: Sequence[str], calibration: AnswerCalibration | None) -> float | None:
        """Return the probability that an answer must reach, or None if none is known to keep `min_precision`.

        Args:
            labels: The labels of the answer.
            calibration: That of the model, which `min_precision` needs.
        """
        if self.min_precision is None:
            return self.threshold
        assert calibration is not None, "a precision was asked for"
        needed = calibration.threshold(labels, self.min_precision)
        return None if needed is None else max(needed, self.threshold)
