from __future__ import annotations

import numpy as np
import pytest

from foreword.domain.answer_calibration import MAX_KEPT_ANSWERS, AnswerCalibration, CalibrationSource
from foreword.evaluation.temperature import MAX_FITTED_ROWS, ScoredAnswer, calibrate, fit_temperature
from foreword.storage.codec import decode, encode


def _drawn(count: int, *, temperature: float, seed: int = 0) -> list[ScoredAnswer]:
    """Draw right answers from the candidates' probabilities at a temperature, over nine candidates."""
    random = np.random.default_rng(seed)
    answers = []
    for scores_C in random.normal(scale=2.0, size=(count, 9)):
        sorted_C = np.sort(scores_C)[::-1]
        weights_C = np.exp(sorted_C / temperature)
        right = int(random.choice(9, p=weights_C / weights_C.sum()))
        answers.append(ScoredAnswer(labels=("a",), log_probs=tuple(sorted_C.tolist()), right=right))
    return answers


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_at_which_the_answers_were_drawn_is_found(temperature: float):
    assert fit_temperature(_drawn(4_000, temperature=temperature)) == pytest.approx(temperature, rel=0.06)


def test_the_fitted_temperature_has_the_largest_likelihood_times_prior():
    answers = _drawn(40, temperature=2.0)

    def loss(temperature: float) -> float:
        inverse = 1 / temperature
        nats = 0.0
        for answer in answers:
            scores_C = np.array(answer.log_probs) * inverse
            nats += float(np.log(np.exp(scores_C).sum()) - scores_C[answer.right])
        return nats + 4.0 * (inverse - np.log(inverse))

    found = fit_temperature(answers)

    assert loss(found) < loss(1.02 * found)
    assert loss(found) < loss(found / 1.02)


def test_few_answers_hardly_move_the_temperature_from_one():
    sure = ScoredAnswer(labels=("a",), log_probs=(-0.5, -1.5), right=0)

    assert fit_temperature([]) == 1
    assert 0.9 < fit_temperature([sure]) < 1
    assert fit_temperature([sure] * 40) < 0.5


def test_answers_whose_right_one_is_no_candidate_do_not_move_the_temperature_but_count_as_wrong():
    answers = _drawn(60, temperature=2.0)
    unknown = [ScoredAnswer(labels=("a",), log_probs=(-0.1, -9.0), right=None)] * 30

    plain = calibrate(answers, CalibrationSource.HELD_OUT)
    mixed = calibrate([*answers, *unknown], CalibrationSource.HELD_OUT)

    assert mixed.temperature == plain.temperature
    assert (mixed.fitted_row_count, mixed.row_count) == (60, 90)
    assert mixed.expected_calibration_error_before > plain.expected_calibration_error_before + 0.1
    assert calibrate(unknown, CalibrationSource.HELD_OUT) is None


def test_answers_that_are_too_certain_have_a_smaller_error_on_rows_that_the_temperature_was_not_fitted_on():
    found = calibrate(_drawn(400, temperature=3.0), CalibrationSource.HELD_OUT_BEFORE_REFIT)

    assert found.temperature == pytest.approx(3.0, rel=0.3)
    assert found.source is CalibrationSource.HELD_OUT_BEFORE_REFIT
    assert found.expected_calibration_error_before > 0.2
    assert found.expected_calibration_error_after < found.expected_calibration_error_before / 2


def test_an_answer_does_not_influence_the_temperature_with_which_its_own_error_is_measured():
    # In each row the temperature of the other rows is 1, but that of the row alone would be far below.
    rows = [ScoredAnswer(labels=("a",), log_probs=(-0.4, -1.1), right=None)] * 3
    lone = ScoredAnswer(labels=("a",), log_probs=(-0.4, -1.1), right=0)

    found = calibrate([*rows, lone], CalibrationSource.HELD_OUT)

    probability = lone.probability(1.0)
    with_the_lone = lone.probability(found.temperature)
    assert with_the_lone > probability
    errors = abs(3 * with_the_lone / 4 - 0.0) + abs(probability - 1.0) / 4
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
