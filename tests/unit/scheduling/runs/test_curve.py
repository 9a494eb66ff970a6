"""Conversion of steps to points of the learning curve and to progress."""

from __future__ import annotations

from dataclasses import replace

import pytest

from factories.stored import MOMENT
from foreword.domain.experiment import Phase
from foreword.scheduling.runs.curve import CurveRecorder
from foreword.tuning.runs.results import StepReport

STEP = StepReport(
    step=1, total_steps=10, epoch=0.1, loss=2.0, learning_rate=0.1, rows=4, tokens=120, seconds=0.5, phase=Phase.TUNING,
    validation_loss=None, validation_metric=None,
)  # fmt: skip


def recorder(total_steps: int, clock=lambda: 0.0) -> CurveRecorder:
    return CurveRecorder(total_steps=total_steps, total_epochs=2, now=lambda: MOMENT, clock=clock)


def test_a_short_run_has_a_point_for_every_step():
    curve = recorder(10)

    point = curve.add(STEP)

    assert (point.step, point.loss, point.learning_rate, point.create_time) == (1, 2.0, 0.1, MOMENT)
    assert point.examples_per_second == 8.0


def test_a_long_run_has_some_hundred_points_and_one_at_the_end_of_every_epoch():
    curve = recorder(5000)
    points = [curve.add(replace(STEP, step=step, loss=float(step))) for step in range(1, 5001)]

    assert len([point for point in points if point]) == 500
    assert points[9].loss == pytest.approx(5.5)  # the mean of its ten steps
    curve.add(replace(STEP, step=5001))
    assert curve.add(replace(STEP, step=5002, validation_loss=1.0)).validation_loss == 1.0


def test_the_remaining_time_is_estimated_from_the_speed_since_the_first_step_seen():
    times = iter([100.0, 104.0])
    curve = recorder(20, lambda: next(times))

    curve.add(replace(STEP, step=11))  # the first after a resume
    assert curve.progress.remaining_seconds is None
    curve.add(replace(STEP, step=13))

    assert curve.progress.remaining_seconds == pytest.approx(14.0)
    assert curve.progress.percent == pytest.approx(95 * 13 / 20)


def test_progress_grows_through_the_phases_after_the_steps():
    curve = recorder(1)
    curve.add(STEP)
    percents = [
        curve.progress.percent,
        *(curve.in_phase(phase).percent for phase in (Phase.EVALUATING, Phase.STORING)),
    ]
    assert percents == [95.0, 96.0, 99.0]
    assert curve.in_phase(Phase.STORING).step == 1
