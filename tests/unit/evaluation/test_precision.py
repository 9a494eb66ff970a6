from __future__ import annotations

import numpy as np
import pytest

from foreword.domain.answer_calibration import PRECISIONS, AnswerCalibration, CalibrationSource, PrecisionThreshold
from foreword.evaluation.precision import keeps, precision_thresholds


def _at(thresholds, precision: float, label: str = "") -> PrecisionThreshold | None:
    found = [item for item in thresholds if (item.precision, item.label) == (precision, label)]
    return found[0] if found else None


def _calibration(*thresholds: PrecisionThreshold) -> AnswerCalibration:
    return AnswerCalibration(
        temperature=1.0, source=CalibrationSource.HELD_OUT, row_count=40, fitted_row_count=40,
        expected_calibration_error_before=0.1, expected_calibration_error_after=0.1, thresholds=thresholds,
    )  # fmt: skip


def test_few_right_answers_do_not_show_a_precision():
    assert keeps(16, 16, 0.9)
    assert not keeps(15, 15, 0.9)
    assert keeps(28, 29, 0.9)
    assert not keeps(27, 28, 0.9)
    assert not keeps(0, 0, 0.5)


def test_the_threshold_is_the_smallest_probability_from_which_on_the_answers_keep_the_precision():
    sure = [(("a",), 0.99, True)] * 30
    unsure = [(("a",), 0.95, False)] * 10

    found = _at(precision_thresholds([*unsure, *sure]), 0.9, "a")

    assert found == PrecisionThreshold(precision=0.9, probability=0.99, row_count=30, right_count=30, label="a")
    assert not [item for item in precision_thresholds(sure[:15]) if item.precision == 0.9]


def test_answers_that_are_right_more_often_than_they_are_probable_do_not_lower_the_threshold():
    lucky = [(("a",), 0.6, True)] * 40

    assert _at(precision_thresholds(lucky), 0.9, "a") is None
    assert _at(precision_thresholds(lucky), 0.6, "a").probability == 0.6


def test_a_label_has_its_own_threshold_if_enough_answers_hold_it():
    answers = [(("easy",), 0.97, True)] * 20 + [(("rare",), 0.99, True)] * 3 + [(("hard", "rare"), 0.98, False)] * 12

    found = precision_thresholds(answers)

    assert _at(found, 0.9, "easy").probability == 0.97
    assert {item.label for item in found if item.precision == 0.9} == {"easy"}


def test_labels_without_a_threshold_share_one_that_the_answers_of_better_labels_do_not_lower():
    easy = [(("easy",), 0.97, True)] * 60
    hard = [(("hard",), 0.98, place % 3 > 0) for place in range(30)] + [(("hard",), 0.7, False)] * 30

    found = precision_thresholds([*easy, *hard])

    assert _at(found, 0.9, "easy").probability == 0.97
    assert _at(found, 0.9) is None
    calibration = _calibration(*found)
    assert calibration.threshold(("hard",), 0.9) is None
    assert calibration.threshold(("easy", "hard"), 0.9) is None
    assert calibration.threshold(("hard",), 0.5) == 0.98


def test_rare_labels_share_the_threshold_of_their_answers():
    rare = [((f"rare {place}",), 0.96, True) for place in range(20)]
    hard = [(("hard",), 0.5, False)] * 20

    calibration = _calibration(*precision_thresholds([*rare, *hard]))

    assert calibration.threshold(("rare 3",), 0.9) == 0.96
    assert calibration.threshold(("never answered",), 0.9) == 0.96


@pytest.mark.parametrize("count", [100, 300])
def test_the_precision_is_kept_on_other_answers_within_three_hundredths(count: int):
    random = np.random.default_rng(0)
    right = given = 0.0
    for _ in range(40):
        probabilities = random.beta(1.5, 1.2, size=count)
        is_right = random.random(count) < probabilities
        held_out = [((), float(share), bool(hit)) for share, hit in zip(probabilities, is_right, strict=True)]
        threshold = _at(precision_thresholds(held_out), 0.9)
        if threshold is not None:
            others = random.beta(1.5, 1.2, size=2_000)
            others = others[others >= threshold.probability]
            right, given = right + others.sum(), given + len(others)

    assert given > 1_000
    assert right / given > 0.87


def test_an_answer_must_reach_the_largest_threshold_of_its_labels():
    found = _calibration(
        PrecisionThreshold(precision=0.9, probability=0.8, row_count=30, right_count=29),
        PrecisionThreshold(precision=0.9, probability=0.6, row_count=20, right_count=20, label="easy"),
        PrecisionThreshold(precision=0.5, probability=0.2, row_count=40, right_count=30),
    )

    assert found.threshold(("easy",), 0.9) == 0.6
    assert found.threshold(("easy", "other"), 0.9) == 0.8
    assert found.threshold(("other",), 0.87) == 0.8
    assert found.threshold(("easy",), 0.3) == 0.2
    assert found.threshold(("easy",), PRECISIONS[-1]) is None


def test_no_probability_is_known_for_a_label_without_a_threshold_if_such_labels_share_none():
    found = _calibration(PrecisionThreshold(precision=0.9, probability=0.6, row_count=20, right_count=20, label="easy"))

    assert found.threshold(("easy",), 0.9) == 0.6
    assert found.threshold(("easy", "other"), 0.9) is None
