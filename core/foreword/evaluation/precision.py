"""Thresholds of probability above which the answers of a tuned model keep a wanted precision.

The threshold is the smallest probability of a held-out answer from which on the answers are right often enough. So that
few rows do not promise too much, it is not the share of right answers that must reach the precision, but its one-sided
80 % lower confidence bound (Clopper and Pearson 1934). For a precision of 0.9, all of 16 answers must be right, or 28
of 29. One of many possible thresholds reaches the bound by chance more often than that, so the mean calibrated
probability of the answers must reach the precision as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from foreword.domain.answer_calibration import MAX_THRESHOLDS, PRECISIONS, PrecisionThreshold

CONFIDENCE: Final = 0.8
"""Confidence of the lower bound."""

JudgedAnswer = tuple[tuple[str, ...], float, bool]
"""The labels of an answer, its calibrated probability, and whether it is right."""


def precision_thresholds(
    answers: Sequence[JudgedAnswer], *, check: Callable[[], None] = lambda: None
) -> tuple[PrecisionThreshold, ...]:
    """Return the thresholds of labels, and the shared ones of other labels, for each of `PRECISIONS` that is reached.

    A label has its own threshold if the answers that hold it suffice for one; an answer counts as right if all of its
    labels are. The labels without one share a threshold. It comes from the answers that hold such a label, because the
    answers of better labels would promise too much for them. Shared thresholds come first, then labels with more
    answers, and there are at most `MAX_THRESHOLDS`.

    Args:
        check: Called for each label and each precision; raises an error to stop.
    """
    groups: dict[str, list[tuple[float, bool]]] = {}
    for labels, probability, is_right in answers:
        for label in labels:
            groups.setdefault(label, []).append((probability, is_right))
    own: list[PrecisionThreshold] = []
    for label, group in sorted(groups.items(), key=lambda item: -len(item[1])):
        check()
        own += [item for precision in PRECISIONS if (item := _threshold(group, precision, label)) is not None]
    own = own[: MAX_THRESHOLDS - len(PRECISIONS)]
    shared: list[PrecisionThreshold] = []
    for precision in PRECISIONS:
        check()
        covered = {item.label for item in own if item.precision == precision}
        rest = [
            (probability, is_right)
            for labels, probability, is_right in answers
            if not labels or not covered.issuperset(labels)
        ]
        found = _threshold(rest, precision, label="")
        shared += [] if found is None else [found]
    return (*shared, *own)


def keeps(right_count: int, row_count: int, precision: float) -> bool:
    """Return whether the lower confidence bound of a share of right answers reaches a precision.

    It does if at least this many right answers are improbable where the true share is just the precision.
    """
    if right_count < precision * row_count:
        return False
    wrong = row_count - right_count
    logs = (
        math.lgamma(row_count + 1) - math.lgamma(count + 1) - math.lgamma(row_count - count + 1)
        + count * math.log(1 - precision) + (row_count - count) * math.log(precision)
        for count in range(wrong + 1)
    )  # fmt: skip
    return row_count > 0 and math.fsum(math.exp(value) for value in logs) <= 1 - CONFIDENCE


def _threshold(answers: Sequence[tuple[float, bool]], precision: float, label: str) -> PrecisionThreshold | None:
    """Return the lowest threshold of answers."""
    group = sorted(answers, key=lambda item: -item[0])
    found, right, total = None, 0, 0.0
    for place, (probability, is_right) in enumerate(group, start=1):
        right += is_right
        total += probability
        # Answers of the same probability are above or below a threshold together.
        if place < len(group) and group[place][0] == probability:
            continue
        if total >= precision * place and keeps(right, place, precision):
            found = PrecisionThreshold(
                precision=precision, probability=probability, row_count=place, right_count=right, label=label
            )
    return found
