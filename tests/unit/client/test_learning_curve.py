import sys

import pytest

from foreword.client import decode
from foreword.client.learning_curve import draw_learning_curve
from foreword.errors import FailedPreconditionError
from foreword.v1 import tune_experiment_pb2, tune_parameters_pb2


def make_experiment(num_epochs=4, *, measured=True, **parameters):
    snapshots = []
    for step in range(num_epochs * 10):
        last = step % 10 == 9
        epoch = (step + 1) / 10
        snapshot = tune_experiment_pb2.TuneSnapshot(
            sequence=step + 1, step=step + 1, epoch=epoch, loss=2 / (1 + epoch), phase="tuning"
        )
        if last and measured:
            snapshot.validation_loss = 2.1 / (1 + epoch)
            snapshot.validation_metric = 0.9 if epoch == 3 else 0.5
        snapshots.append(snapshot)
    return decode.tune_experiment(
        tune_experiment_pb2.TuneExperiment(
            name="tenants/a/tuneExperiments/e",
            display_name="complaints",
            state=2,
            snapshots=snapshots,
            plan=tune_experiment_pb2.TunePlan(parameters=tune_parameters_pb2.TuneParameters(**parameters)),
        )
    )


def test_losses_and_metric_are_drawn_and_the_best_epoch_is_marked(tmp_path):
    figure = draw_learning_curve(make_experiment())

    loss_axes, metric_axes = figure.axes
    assert [text.get_text() for text in loss_axes.get_legend().get_texts()] == ["training loss", "held-out loss"]
    assert [text.get_text() for text in metric_axes.texts] == ["best epoch: 3"]
    assert metric_axes.get_ylabel() == "held-out\nmetric"
    figure.savefig(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 10_000


def test_the_mark_says_where_not_the_best_but_the_last_epoch_is_kept():
    figure = draw_learning_curve(make_experiment(keep_best=False))

    assert [text.get_text() for text in figure.axes[1].texts] == ["best epoch: 3; the last one is kept"]


def test_a_run_without_held_out_rows_is_drawn_without_them():
    figure = draw_learning_curve(make_experiment(measured=False))

    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["training loss"]


def test_a_run_that_has_not_begun_has_no_curve():
    with pytest.raises(FailedPreconditionError, match="no learning curve yet"):
        draw_learning_curve(make_experiment(0))


def test_without_matplotlib_the_remedy_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "foreword.client.curve_figure", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)

    with pytest.raises(FailedPreconditionError, match=r"pip install .*\[plot\]'"):
        draw_learning_curve(make_experiment())


def test_a_notebook_shows_the_figure_without_a_backend():
    figure = draw_learning_curve(make_experiment())

    assert figure._repr_png_().startswith(b"\x89PNG")
