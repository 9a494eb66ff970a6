from __future__ import annotations

import numpy as np
import pytest

from foreword.evaluation.calibration import calibration


def test_answers_that_are_right_as_often_as_they_are_probable_have_nearly_no_error():
    random = np.random.default_rng(0)
    probabilities = random.random(20_000)

    found = calibration(zip(probabilities, random.random(20_000) < probabilities, strict=True))

    assert found.expected_calibration_error < 0.01
    assert [bin.row_count for bin in found.bins] == [2_000] * 10
    assert [bin.mean_probability for bin in found.bins] == pytest.approx(np.arange(0.05, 1, 0.1), abs=0.02)


def test_the_error_is_the_mean_distance_of_probability_and_accuracy_over_all_rows():
    found = calibration([(0.9, True)] * 6 + [(0.9, False)] * 4 + [(0.2, False)] * 10)

    assert [(bin.mean_probability, bin.accuracy, bin.row_count) for bin in found.bins] == [
        (pytest.approx(0.2), 0.0, 10),
        (pytest.approx(0.9), 0.6, 10),
    ]
    assert found.expected_calibration_error == pytest.approx((10 * 0.2 + 10 * 0.3) / 20)


def test_equal_probabilities_share_a_bin_whatever_the_order_of_the_rows():
    pairs = [(place // 7 / 10, place % 3 == 0) for place in range(70)]

    assert calibration(pairs) == calibration(reversed(pairs))
    assert len({bin.mean_probability for bin in calibration(pairs).bins}) == len(calibration(pairs).bins)
    assert sum(bin.row_count for bin in calibration(pairs).bins) == 70


def test_few_rows_have_a_bin_each():
    found = calibration([(0.6, True), (0.7, False), (0.8, True)])

    assert [bin.row_count for bin in found.bins] == [1, 1, 1]
    assert found.expected_calibration_error == pytest.approx((0.4 + 0.7 + 0.2) / 3)


def test_no_answers_have_no_calibration():
    assert calibration([]) is None


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_a_probability_outside_of_0_and_1_is_refused(probability):
    with pytest.raises(ValueError, match=r"an answer has the probability .*; it must be in"):
        calibration([(0.5, True), (probability, True)])
