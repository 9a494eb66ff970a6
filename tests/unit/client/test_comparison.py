"""The picture and the frame of a comparison of runs."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from factories.comparisons import make_comparison
from foreword.client import frames
from foreword.client.comparison_curves import draw_comparison
from foreword.errors import FailedPreconditionError


def test_all_runs_are_drawn_with_their_kept_epochs(tmp_path: Path) -> None:
    comparison = make_comparison(3)

    figure = draw_comparison(comparison, tmp_path / "comparison.png")

    metric, loss = figure.axes
    assert metric.get_ylabel() == "held-out micro f1"
    assert [len(line.get_xdata()) for line in metric.lines] == [8, 1, 7, 1, 6, 1]
    assert [len(line.get_xdata()) for line in loss.lines] == [32, 8, 1, 28, 7, 1, 24, 6, 1]
    best = [run.kept_point for run in comparison.tune_experiments]
    assert [line.get_xdata()[0] for line in metric.lines[1::2]] == [point.epoch for point in best[::-1] if point]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["complaints (1)", "complaints (2)", "complaints (3)"]
    assert (tmp_path / "comparison.png").stat().st_size > 10_000


def test_twenty_runs_can_be_told_apart() -> None:
    figure = draw_comparison(make_comparison(20))

    curves = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 1]
    assert len({(line.get_color(), line.get_linestyle()) for line in curves}) == 20
    assert len(figure.legends[0].get_texts()) == 20


def test_a_run_without_held_out_rows_has_its_training_loss_and_one_without_a_curve_is_left_out() -> None:
    comparison = make_comparison(3)
    first, second, third = comparison.tune_experiments
    bare = tuple(replace(point, validation_loss=None, validation_metric=None) for point in second.curve)
    runs = (first, replace(second, curve=bare), replace(third, curve=()))

    figure = draw_comparison(replace(comparison, tune_experiments=runs))

    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["complaints (1)", "complaints (2)"]
    assert len([line for line in figure.axes[0].lines if len(line.get_xdata()) > 1]) == 1


def test_runs_that_have_not_begun_have_no_curves() -> None:
    comparison = make_comparison()
    bare = tuple(replace(run, curve=()) for run in comparison.tune_experiments)

    with pytest.raises(FailedPreconditionError, match="Wait until one has started"):
        draw_comparison(replace(comparison, tune_experiments=bare))


def test_without_matplotlib_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "foreword.client.curve_figure", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)

    with pytest.raises(FailedPreconditionError, match=r"Drawing a comparison .*pip install .*\[plot\]'"):
        draw_comparison(make_comparison())


def test_a_run_that_keeps_its_last_epoch_has_its_ring_there() -> None:
    run = make_comparison(epochs=12).tune_experiments[0]
    last = replace(run, keep_best=False)

    assert run.kept_point is not None
    assert run.kept_point.epoch < 12
    assert last.kept_point == run.held_out_curve[-1]
    assert replace(run, curve=()).kept_point is None


def test_the_frame_has_a_row_for_each_run_with_what_differs_and_its_metrics() -> None:
    table = frames.comparison(make_comparison(3, groups=(1, 1, 2), parameters__optimizer=["adamw", None, "adafactor"]))

    assert list(table.index) == ["complaints (1)", "complaints (2)", "complaints (3)"]
    assert list(table.columns) == [
        "state", "parameters.learning_rate", "parameters.optimizer", "micro_f1", "exact_match",
        "difference", "lower", "upper", "mean_tokens", "capacity_unit_hours", "held_out_group",
    ]  # fmt: skip
    assert table["parameters.learning_rate"].tolist() == pytest.approx([0.02, 0.03, 0.04])
    assert table["micro_f1"].idxmax() == "complaints (3)"
    assert table["held_out_group"].tolist() == [1, 1, 2]
    assert table["lower"].isna().all()
    paired = frames.comparison(make_comparison(3))
    assert paired["difference"].tolist()[1:] == pytest.approx([0.02, 0.04])
    assert [(lower < 0 < upper) for lower, upper in zip(paired["lower"], paired["upper"], strict=True)] == [
        False,
        True,
        False,
    ]
