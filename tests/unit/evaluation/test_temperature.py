from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import numpy as np
import pytest

from foreword.domain.answer_calibration import MAX_KEPT_ANSWERS, MAX_P_VALUE, AnswerCalibration, CalibrationSource
from foreword.evaluation.calibration import calibration
from foreword.evaluation.temperature import (
    MAX_FITTED_ROWS,
    MAX_PRIOR_COST,
    PRIOR_ROWS,
    ScoredAnswer,
    calibrate,
    fit_temperature,
)
from foreword.storage.codec import decode, encode


def _drawn(count: int, *, temperature: float, seed: int = 0, wrong: float = 0.0) -> list[ScoredAnswer]:
    """Draw right answers from the candidates' probabilities at a temperature, over nine candidates.

    Args:
        wrong: Share of rows whose label is wrong: any candidate.
    """
    random = np.random.default_rng(seed)
    scores_NC = -np.sort(-random.normal(scale=2.0, size=(count, 9)), axis=1)
    weights_NC = np.exp(scores_NC / temperature)
    share_NC = (1 - wrong) * weights_NC / weights_NC.sum(axis=1, keepdims=True) + wrong / 9
    right_N = (share_NC.cumsum(axis=1) < random.random((count, 1))).sum(axis=1).clip(max=8)
    return [
        ScoredAnswer(labels=("a",), log_probs=tuple(scores), right=right)
        for scores, right in zip(scores_NC.tolist(), right_N.tolist(), strict=True)
    ]


def _error(answers: list[ScoredAnswer], temperature: float) -> float:
    found = calibration((answer.probability(temperature), answer.is_right) for answer in answers)
    assert found is not None
    return found.expected_calibration_error


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_at_which_the_answers_were_drawn_is_found(temperature: float):
    assert fit_temperature(_drawn(4_000, temperature=temperature)).temperature == pytest.approx(temperature, rel=0.06)


def test_the_fitted_temperature_has_the_smallest_squared_error_with_its_prior():
    answers = _drawn(60, temperature=3.0)

    def loss(temperature: float) -> float:
        error = sum((answer.probability(temperature) - answer.is_right) ** 2 for answer in answers)
        return 2 * error + PRIOR_ROWS * min(1 / temperature + np.log(temperature) - 1, MAX_PRIOR_COST)

    found = fit_temperature(answers).temperature

    assert found > 1.5
    assert loss(found) < loss(1.05 * found)
    assert loss(found) < loss(found / 1.05)


def test_the_temperature_is_one_without_evidence_for_another():
    found = [fit_temperature(_drawn(35, temperature=1.0, seed=seed)) for seed in range(100)]

    assert fit_temperature([]).temperature == 1
    assert sum(item.temperature != 1 for item in found) <= 12, "a test with 5 % rejects rarely by chance"
    assert all((item.temperature == 1) == (item.p_value > MAX_P_VALUE) for item in found)


def test_probabilities_that_are_far_too_high_are_noticed_with_few_answers():
    found = [fit_temperature(_drawn(35, temperature=4.0, seed=seed)) for seed in range(40)]

    assert sum(item.temperature > 1.5 for item in found) >= 38


def test_answers_of_a_probability_of_nearly_one_that_are_often_wrong_become_less_certain():
    answers = [ScoredAnswer(labels=("a",), log_probs=(0.0, -10.0), right=int(place % 7 < 2)) for place in range(35)]

    found = fit_temperature(answers).temperature

    assert answers[0].probability(1.0) > 0.9999
    assert answers[0].probability(found) == pytest.approx(25 / 35, abs=0.05)


@pytest.mark.parametrize("wrong", [0.0, 0.15])
@pytest.mark.parametrize("count", [35, 150])
@pytest.mark.parametrize("temperature", [0.8, 1.0, 1.25, 3.0])
def test_the_error_of_other_answers_does_not_grow_beyond_noise(temperature: float, count: int, wrong: float):
    others = _drawn(800, temperature=temperature, seed=999, wrong=wrong)
    plain = _error(others, 1.0)

    errors = []
    for seed in range(10):
        held_out = _drawn(count, temperature=temperature, seed=seed, wrong=wrong)
        errors.append(_error(others, fit_temperature(held_out).temperature))

    assert fmean(errors) < plain + 0.025
    if temperature == 3.0:
        assert fmean(errors) < plain / 2


def test_the_error_to_be_expected_by_chance_is_that_of_right_probabilities():
    found = calibrate(_drawn(40, temperature=1.0), CalibrationSource.HELD_OUT)
    many = calibrate(_drawn(1_000, temperature=1.0), CalibrationSource.HELD_OUT)

    assert 0.08 < found.expected_calibration_error_by_chance < 0.3
    assert many.expected_calibration_error_by_chance < 0.05
    assert found.temperature == 1
    assert found.expected_calibration_error_before < 2 * found.expected_calibration_error_by_chance


def test_answers_whose_right_one_is_no_candidate_count_as_wrong():
    answers = _drawn(60, temperature=1.0)
    unknown = [replace(answer, right=None) for answer in _drawn(60, temperature=1.0, seed=1)]

    plain = calibrate(answers, CalibrationSource.HELD_OUT)
    mixed = calibrate([*answers, *unknown], CalibrationSource.HELD_OUT)

    assert plain.temperature == 1 < mixed.temperature
    assert (mixed.fitted_row_count, mixed.row_count) == (60, 120)
    assert mixed.expected_calibration_error_before > plain.expected_calibration_error_before + 0.03
    assert calibrate(unknown, CalibrationSource.HELD_OUT) is None


def test_answers_that_are_too_certain_have_a_smaller_error_on_rows_that_the_temperature_was_not_fitted_on():
    found = calibrate(_drawn(400, temperature=3.0), CalibrationSource.HELD_OUT_BEFORE_REFIT)

    assert found.temperature == pytest.approx(3.0, rel=0.3)
    assert found.p_value < 1e-6
    assert found.source is CalibrationSource.HELD_OUT_BEFORE_REFIT
    assert found.expected_calibration_error_before > 0.2
    assert found.expected_calibration_error_after < found.expected_calibration_error_before / 2


def test_an_answer_does_not_influence_the_temperature_with_which_its_own_error_is_measured():
    # One wrong answer is evidence that the probabilities are too high, but the others alone are none.
    rows = [ScoredAnswer(labels=("a",), log_probs=(0.0, -4.6), right=0)] * 5
    lone = ScoredAnswer(labels=("a",), log_probs=(0.0, -4.5), right=1)

    found = calibrate([*rows, lone], CalibrationSource.HELD_OUT)

    assert found.temperature > 1
    with_the_lone = rows[0].probability(found.temperature)
    assert with_the_lone < rows[0].probability(1.0)
    errors = (5 * abs(1 - with_the_lone) + lone.probability(1.0)) / 6
    assert found.expected_calibration_error_after == pytest.approx(errors)


def test_of_many_answers_a_thousand_are_read_and_checks_can_stop_the_fit():
    answers = _drawn(2_500, temperature=1.5)

    assert calibrate(answers, CalibrationSource.HELD_OUT).row_count == MAX_FITTED_ROWS

    def stop() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        calibrate(answers, CalibrationSource.HELD_OUT, check=stop)


def test_the_probability_of_an_answer_is_its_share_among_the_candidates():
    answer = ScoredAnswer(labels=("a",), log_probs=(np.log(0.6), np.log(0.3)), right=0)

    assert answer.probability(1.0) == pytest.approx(2 / 3)
    assert answer.probability(1e9) == pytest.approx(0.5)


def test_held_out_answers_are_kept_evenly_with_their_calibrated_probabilities():
    answers = [
        ScoredAnswer(labels=(f"label {place}",), log_probs=(-0.1, -2.0), right=0) for place in range(MAX_FITTED_ROWS)
    ]

    found = calibrate(answers, CalibrationSource.HELD_OUT)
    kept = found.held_out_answers

    assert len(kept) == MAX_KEPT_ANSWERS
    assert [labels for labels, _ in kept[:3]] == [("label 0",), ("label 2",), ("label 4",)]
    assert {probability for _, probability in kept} == {round(answers[0].probability(found.temperature), 4)}
    assert decode(AnswerCalibration, encode(AnswerCalibration, found, "calibration")) == found
    long = [ScoredAnswer(labels=("x" * 1_000,), log_probs=(-0.1,), right=0)] * 300
    assert len(calibrate(long, CalibrationSource.HELD_OUT).held_out_answers) == 100
