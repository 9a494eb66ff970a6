from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from factories.runs import make_parameters, make_plan_of, make_rows
from foreword.domain.experiment import Phase, Snapshot
from foreword.tuning.advice import curve_advice

PLAN = replace(make_plan_of(make_rows(), make_parameters(num_epochs=20, learning_rate=0.1)), planned_updates=400)


def _curve(losses, held_out=None, phase=Phase.TUNING):
    held_out = held_out or [None] * len(losses)
    return [
        Snapshot(
            sequence=place + 1, step=place + 1, epoch=place + 1.0, loss=loss, validation_loss=validation,
            validation_metric=None, learning_rate=0.1, examples_per_second=1.0, phase=phase,
            create_time=datetime(2026, 1, 1, tzinfo=UTC),
        )
        for place, (loss, validation) in enumerate(zip(losses, held_out, strict=True))
    ]  # fmt: skip


FALLING = [2.0 - 0.09 * place for place in range(20)]
LEVEL = [0.7 + 1.3 * 0.7**place for place in range(20)]


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
def test_the_curve_is_read_in_one_sentence(losses, expected):
    advice = curve_advice(_curve(losses), PLAN)

    assert expected in advice
    assert advice.count(". ") == 0


def test_a_held_out_loss_that_rose_again_is_said_before_anything_else():
    held_out = [1.0 - 0.1 * place for place in range(5)] + [0.6 + 0.05 * place for place in range(15)]

    assert "epoch 5" in curve_advice(_curve(FALLING, held_out), PLAN)


def test_few_updates_are_not_praised_for_levelling_off():
    advice = curve_advice(_curve([0.7 + 1.3 * 0.82**place for place in range(20)]), replace(PLAN, planned_updates=20))

    assert "20 updates, too few to tell" in advice


def test_too_few_points_say_nothing():
    assert curve_advice(_curve([1.0, 0.5]), PLAN) == ""
    assert curve_advice([], PLAN) == ""


def test_a_refit_is_no_part_of_the_curve():
    refit = _curve([9.0] * 20, phase=Phase.REFITTING)

    assert curve_advice([*_curve(FALLING), *refit], PLAN) == curve_advice(_curve(FALLING), PLAN)
