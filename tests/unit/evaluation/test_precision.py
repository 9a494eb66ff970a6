from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest

from foreword.domain.answer_calibration import (
    MAX_THRESHOLDS,
    PRECISIONS,
    AnswerCalibration,
    CalibrationSource,
    PrecisionThreshold,
)
from foreword.evaluation.precision import MIN_ANSWERS, JudgedAnswer, lower_bound, precision_thresholds


def _at(thresholds, precision: float, label: str = "") -> PrecisionThreshold | None:
    found = [item for item in thresholds if (item.precision, item.label) == (precision, label)]
    return found[0] if found else None


def _calibration(*thresholds: PrecisionThreshold) -> AnswerCalibration:
    return AnswerCalibration(
        temperature=1.0, source=CalibrationSource.HELD_OUT, row_count=40, fitted_row_count=40,
        expected_calibration_error_before=0.1, expected_calibration_error_after=0.1, thresholds=thresholds,
    )  # fmt: skip


def _drawn(random: np.random.Generator, count: int, labels: str, offsets: dict[str, float]) -> list[JudgedAnswer]:
    """Draw answers with one or two labels, of which each shifts the log-odds that the answer is right."""
    probability_N = random.beta(1.6, 0.9, size=count).clip(0.02, 0.998)
    chosen_N2 = random.integers(len(labels), size=(count, 2))
    offset_N = np.array([offsets.get(label, 0.0) for label in labels])[chosen_N2].mean(axis=1)
    right_N = random.random(count) < 1 / (1 + (1 / probability_N - 1) * np.exp(-offset_N))
    held = [tuple(dict.fromkeys(labels[place] for place in chosen)) for chosen in chosen_N2.tolist()]
    return list(zip(held, probability_N.tolist(), right_N.tolist(), strict=True))


def test_the_lower_bound_says_how_little_few_right_answers_show():
    assert lower_bound(16, 16) > 0.9 > lower_bound(15, 15)
    assert lower_bound(28, 29) > 0.9 > lower_bound(27, 28)
    assert lower_bound(0, 0) == lower_bound(0, 7) == 0
    assert lower_bound(1, 2) == pytest.approx(1 - 0.8**0.5, abs=1e-6)


def test_nothing_is_estimated_from_fewer_answers_than_the_minimum():
    answers = [(("a",), 0.99, True)] * MIN_ANSWERS

    assert precision_thresholds(answers[1:]) == ()
    assert len(precision_thresholds(answers)) == 2 * len(PRECISIONS)


def test_few_answers_leave_the_estimate_to_the_probabilities():
    steps = [0.5 + place / 80 for place in range(40)]
    answers = [(("a",), probability, place % 20 < round(20 * probability)) for place, probability in enumerate(steps)]

    found = _at(precision_thresholds(answers), 0.9)

    above = [probability for probability in steps if probability >= found.probability]
    assert fmean(above) == pytest.approx(0.9, abs=0.03)
    assert found.estimated_precision >= 0.9
    assert found.row_count == len(above)
    assert found.precision_lower_bound == lower_bound(found.right_count, found.row_count)


def test_a_label_whose_answers_are_often_wrong_has_a_higher_threshold():
    random = np.random.default_rng(0)
    answers = _drawn(random, 400, "abc", {"a": 1.5, "b": -1.5})

    found = precision_thresholds(answers)

    assert _at(found, 0.8, "a").probability < _at(found, 0.8).probability < _at(found, 0.8, "b").probability


def test_a_rare_label_has_about_the_threshold_of_all_answers():
    random = np.random.default_rng(1)
    answers = [*_drawn(random, 200, "ab", {}), (("rare",), 0.97, False)]

    found = precision_thresholds(answers)
    calibration = _calibration(*found)

    assert calibration.threshold(("rare",), 0.8) == pytest.approx(calibration.threshold(("never",), 0.8), abs=0.1)
    assert calibration.threshold(("never",), 0.8) == _at(found, 0.8).probability


def test_answers_of_better_labels_do_not_lower_the_threshold_of_a_label_that_is_never_sure():
    sure = [(("easy",), 0.98, place % 50 > 0) for place in range(100)]
    unsure = [(("hard",), 0.6, place % 5 < 3) for place in range(20)]

    found = precision_thresholds([*sure, *unsure])

    assert _at(found, 0.9, "hard").probability > 0.6
    assert _at(found, 0.9, "easy").probability == 0.6


def test_a_threshold_beyond_all_answers_says_so():
    found = _at(precision_thresholds([(("a",), 0.6, place % 5 < 3) for place in range(40)]), 0.9, "a")

    assert (found.row_count, found.right_count, found.precision_lower_bound) == (0, 0, 0.0)
    assert found.estimated_precision == 0.9
    assert found.probability == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("offsets", [{}, {"a": 0.6, "b": -0.6}, dict.fromkeys("abcd", -0.4)])
@pytest.mark.parametrize("count", [35, 150])
def test_the_precision_is_kept_on_other_answers_within_three_hundredths(count: int, offsets: dict[str, float]):
    random = np.random.default_rng(0)
    given: list[bool] = []
    for _ in range(20):
        calibration = _calibration(*precision_thresholds(_drawn(random, count, "abcd", offsets)))
        others = _drawn(random, 300, "abcd", offsets)
        given += [is_right for labels, share, is_right in others if share >= calibration.threshold(labels, 0.9)]

    assert len(given) > 0.2 * 20 * 300, "the precision is not kept by giving no answers"
    assert fmean(given) > 0.87


def test_the_number_of_thresholds_is_bounded():
    answers = [((f"label {place % 300}",), 0.9, True) for place in range(900)]

    assert len(precision_thresholds(answers)) <= MAX_THRESHOLDS


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
