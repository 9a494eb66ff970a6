"""Learning curves with few points."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from foreword.domain.thin_curve import CurvePoint, thin_curve


def curve(steps: int, *, steps_per_epoch: int = 0, best_step: int = 0) -> list[CurvePoint]:
    """Return a point for each step, of ten an epoch; the loss is the number of the step."""
    found = []
    for step in range(1, steps + 1):
        point = CurvePoint(epoch=step / 10, loss=float(step), validation_loss=None, validation_metric=None)
        if steps_per_epoch and step % steps_per_epoch == 0:
            metric = 0.9 if step == best_step else 0.5
            point = replace(point, validation_loss=1.0, validation_metric=metric)
        found.append(point)
    return found


def test_a_short_curve_keeps_every_point() -> None:
    points = thin_curve(curve(200, steps_per_epoch=10))

    assert [point.loss for point in points] == [float(step) for step in range(1, 201)]
    assert [point.epoch for point in points if point.validation_metric is not None] == list(range(1, 21))


def test_a_curve_without_points_stays_empty() -> None:
    assert thin_curve([]) == ()


@pytest.mark.parametrize(("steps", "steps_per_epoch"), [(1_000, 50), (1_000, 7), (999, 0), (3_000, 15), (201, 2)])
def test_a_long_curve_keeps_all_held_out_results_and_the_mean_loss(steps: int, steps_per_epoch: int) -> None:
    whole = curve(steps, steps_per_epoch=steps_per_epoch)

    points = thin_curve(whole)

    assert len(points) <= 200
    measured = [item.epoch for item in whole if item.validation_loss is not None]
    assert [point.epoch for point in points if point.validation_loss is not None] == measured
    assert points[-1].epoch == whole[-1].epoch
    assert points[0].loss == pytest.approx((1 + round(points[0].epoch * 10)) / 2)


def test_of_too_many_held_out_results_the_best_and_the_last_are_kept() -> None:
    points = thin_curve(curve(1_500, steps_per_epoch=1, best_step=333))

    assert len(points) <= 200
    assert max(point.validation_metric or 0.0 for point in points) == 0.9
    assert points[-1].loss == 1_500.0
    gaps = [later.loss - earlier.loss for earlier, later in itertools.pairwise(points)]
    assert max(gaps) < 2 * 1_500 / 199
