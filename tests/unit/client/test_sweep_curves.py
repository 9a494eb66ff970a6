"""The picture and the frame of a sweep."""

from __future__ import annotations

import math
import sys

import pytest

from foreword.client import TuneExperiment, TuneSweep, decode, frames
from foreword.client.decode_sweep import tune_sweep
from foreword.client.sweep_curves import draw_sweep
from foreword.errors import FailedPreconditionError
from foreword.v1 import tune_experiment_pb2, tune_sweep_pb2

EPOCHS = (2, 8, 4, 2)
"""Epochs of each trial; the second is the best."""


def make_sweep(epochs: tuple[int, ...] = EPOCHS) -> tuple[TuneSweep, dict[str, TuneExperiment]]:
    """Return an ended sweep over learning rates and seeds, and its experiments."""
    message = tune_sweep_pb2.TuneSweep(
        name="tenants/a/tuneSweeps/s",
        display_name="complaints (1)",
        state=tune_sweep_pb2.TuneSweep.STATE_SUCCEEDED,
        search=tune_sweep_pb2.TuneSweep.SEARCH_GRID,
        num_seeds=2,
        best_trial="tenants/a/tuneExperiments/e2",
    )
    message.swept_parameters.add(name="learning_rate").values.add(number_value=0.01)
    message.plan.rungs.add(epoch=2, keep=2)
    message.plan.rungs.add(epoch=4, keep=1)
    experiments = {}
    for number, count in enumerate(epochs, start=1):
        name = f"tenants/a/tuneExperiments/e{number}"
        trial = message.trials.add(number=number, tune_experiment=name, seed=number % 2, state=3)
        trial.values["learning_rate"].number_value = 0.01 * number
        trial.validation_metric = 0.1 * count
        experiment = tune_experiment_pb2.TuneExperiment(name=name, display_name=f"trial {number}", state=3)
        for epoch in range(1, count + 1):
            experiment.snapshots.add(
                sequence=epoch, step=epoch, epoch=epoch, loss=1.0, phase="tuning",
                validation_loss=2 / (epoch + number / 3), validation_metric=1 - math.exp(-epoch / (3 + number)),
            )  # fmt: skip
        experiments[name] = decode.tune_experiment(experiment)
    return tune_sweep(message), experiments


def test_all_trials_are_drawn_with_the_best_in_front_and_the_rungs(tmp_path) -> None:
    sweep, experiments = make_sweep()

    figure = draw_sweep(sweep, experiments, tmp_path / "sweep.png")

    metric, loss = figure.axes
    curves = [line for line in metric.lines if len(line.get_xdata()) > 1 and line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in curves] == [2, 4, 2, 8]
    assert curves[-1].get_linewidth() == max(line.get_linewidth() for line in metric.lines)
    assert len(loss.lines) == len(metric.lines) == 4 + 2
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["0.02, 0", "0.01, 1", "0.03, 1", "0.04, 0"]
    assert legend.get_title().get_text() == "learning rate, seed"
    assert (tmp_path / "sweep.png").stat().st_size > 10_000


def test_of_many_trials_only_the_best_is_named() -> None:
    sweep, experiments = make_sweep((4,) * 20)

    assert [text.get_text() for text in draw_sweep(sweep, experiments).legends[0].get_texts()] == ["0.02, 0"]


def test_a_sweep_that_has_not_begun_has_no_curves() -> None:
    with pytest.raises(FailedPreconditionError, match="has ended an epoch yet"):
        draw_sweep(*make_sweep((0, 0)))


def test_without_matplotlib_the_remedy_is_named(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "foreword.client.curve_figure", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)

    with pytest.raises(FailedPreconditionError, match=r"pip install .*\[plot\]'"):
        draw_sweep(*make_sweep())


def test_the_frame_has_the_trials_with_the_best_first() -> None:
    table = frames.trials(make_sweep()[0])

    assert list(table.index) == [2, 1, 3, 4]
    assert table.loc[2, ["learning_rate", "seed", "state"]].tolist() == [0.02, 0, "succeeded"]
