from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from factories.runs import make_parameters, make_plan_of, make_rows
from foreword.domain.experiment import Phase, Snapshot
from foreword.tuning.advice import curve_advice

PLAN = replace(
    make_plan_of(make_rows(), make_parameters(num_epochs=20, learning_rate=0.1, batch_size=4)),
    training_row_count=80,
    planned_updates=900,
)


def _curve(losses, held_out=None, phase=Phase.TUNING, scores=None):
    held_out, scores = held_out or [None] * len(losses), scores or [None] * len(losses)
    return [
        Snapshot(
            sequence=place + 1, step=place + 1, epoch=place + 1.0, loss=loss, validation_loss=validation,
            validation_metric=scores[place], learning_rate=0.1, examples_per_second=1.0, phase=phase,
            create_time=datetime(2026, 1, 1, tzinfo=UTC),
        )
        for place, (loss, validation) in enumerate(zip(losses, held_out, strict=True))
    ]  # fmt: skip


FALLING = [2.0 - 0.09 * place for place in range(20)]


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        (FALLING, "still falling"),
        ([2.0] + [0.7] * 19, "levelled off early"),
        ([0.7 + 1.3 * 0.82**place for place in range(20)], "towards the end"),
        ([2.0 + 0.1 * place for place in range(20)], "diverged"),
        ([2.0 - 0.15 * place for place in range(10)] + [0.6 + 0.1 * place for place in range(10)], "overshot"),
    ],
)
def test_the_advice_on_a_curve_is_one_sentence(losses, expected):
    advice = curve_advice(_curve(losses), PLAN)

    assert expected in advice
    assert advice.count(". ") == 0


def test_advice_on_a_risen_held_out_loss_takes_precedence():
    held_out = [1.0 - 0.1 * place for place in range(5)] + [0.6 + 0.05 * place for place in range(15)]

    assert "epoch 5" in curve_advice(_curve(FALLING, held_out), PLAN)


# Held-out exact match by epoch of a run on the complaints sample, 53 rows held out.
FALLEN = [
    0.30,
    0.47,
    0.58,
    0.66,
    0.72,
    0.736,
    0.70,
    0.72,
    0.70,
    0.68,
    0.70,
    0.68,
    0.66,
    0.68,
    0.66,
    0.64,
    0.66,
    0.64,
    0.642,
    0.642,
]
LEVELLED = [0.7 + 1.3 * 0.82**place for place in range(20)]


def test_a_fallen_held_out_score_is_reported_instead_of_praise():
    plan = replace(PLAN, validation_row_count=53, parameters=replace(PLAN.parameters, keep_best=False))

    advice = curve_advice(_curve(LEVELLED, scores=FALLEN), plan)

    assert advice == (
        "The held-out score was highest at epoch 6 (0.736) and ended at 0.642, which may be chance with 53 held-out "
        "rows; compare it with a run of 6 epochs."
    )
    assert "fell" not in curve_advice(_curve(LEVELLED, scores=sorted(FALLEN)), plan)
    assert "suit this data" in curve_advice(_curve(LEVELLED, scores=sorted(FALLEN)), plan)


def test_on_many_rows_the_same_fall_is_not_chance_and_the_advice_names_the_epoch_kept():
    plan = replace(PLAN, validation_row_count=1000, parameters=replace(PLAN.parameters, keep_best=True))

    advice = curve_advice(_curve(LEVELLED, scores=FALLEN), plan)

    assert "too large to be chance with 1000 held-out rows; epoch 6 was kept; try a learning rate below 0.1." in advice


def test_a_falling_loss_does_not_lead_to_advice_for_more_epochs_if_the_score_fell():
    plan = replace(PLAN, validation_row_count=1000)

    assert "still falling" in curve_advice(_curve(FALLING, scores=sorted(FALLEN)), plan)
    assert "held-out score was highest at epoch 6" in curve_advice(_curve(FALLING, scores=FALLEN), plan)


def test_a_score_that_only_varies_is_not_read_as_a_fall():
    plan = replace(PLAN, validation_row_count=53)
    advices = []
    for seed in range(200):
        noise = random.Random(seed)
        scores = [round(53 * (0.65 + noise.gauss(0, 0.03))) / 53 for _ in range(20)]
        advices.append(curve_advice(_curve(LEVELLED, scores=scores), plan))

    assert sum("suit this data" in advice for advice in advices) >= 180


def test_few_updates_are_not_praised_for_levelling_off():
    plan = replace(PLAN, training_row_count=4, planned_updates=120)

    advice = curve_advice(_curve([0.7 + 1.3 * 0.82**place for place in range(20)]), plan)

    assert "20 updates, too few to judge" in advice, "the updates of a refit do not count"


def test_divergence_is_reported_even_after_few_updates():
    advice = curve_advice(_curve([2.0 + 0.1 * place for place in range(20)]), replace(PLAN, training_row_count=4))

    assert "diverged" in advice


def _noisy(trend, deviation, seed, points=36):
    noise = random.Random(seed)
    return _curve([trend(place / points) + noise.gauss(0, deviation) for place in range(points)])


@pytest.mark.parametrize("deviation", [0.001, 0.05, 0.3])
def test_noise_on_a_flat_curve_is_not_read_as_a_trend(deviation):
    advices = [curve_advice(_noisy(lambda _: 1.2, deviation, seed), PLAN) for seed in range(100)]

    assert sum("hardly moved" in advice for advice in advices) >= 95
    assert all("a learning rate above 0.1" in advice for advice in advices if "hardly moved" in advice)


def test_a_rise_within_the_noise_is_not_called_divergence_of_few_updates():
    advices = [
        curve_advice(_noisy(lambda _: 1.2, 0.05, seed), replace(PLAN, training_row_count=4)) for seed in range(100)
    ]

    assert sum("too few to judge" in advice for advice in advices) >= 95


@pytest.mark.parametrize(
    ("trend", "expected"),
    [
        (lambda time: 2.0 - 1.2 * time, "still falling"),
        (lambda time: 1.2 + time, "diverged"),
        (lambda time: 2.0 - 1.6 * min(time, 1.2 - time), "overshot"),
    ],
    ids=["falling", "diverged", "overshot"],
)
def test_noise_does_not_hide_what_is_clear(trend, expected):
    advices = [curve_advice(_noisy(trend, 0.05, seed), PLAN) for seed in range(50)]

    assert sum(expected in advice for advice in advices) >= 48


def test_too_few_points_give_no_advice():
    assert curve_advice(_curve([1.0, 0.5]), PLAN) == ""
    assert curve_advice([], PLAN) == ""


def test_the_advice_ignores_the_curve_of_a_refit():
    refit = _curve([9.0] * 20, phase=Phase.REFITTING)

    assert curve_advice([*_curve(FALLING), *refit], PLAN) == curve_advice(_curve(FALLING), PLAN)
