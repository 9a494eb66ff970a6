"""Drawing of the learning curve."""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from foreword.client.picture import INK, figure_class, tidy
from foreword.client.resources import TuneExperiment, TuneSnapshot
from foreword.errors import FailedPreconditionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TRAINING, _HELD_OUT, _METRIC = "#2f6fb0", "#d9742b", "#3a8f5c"


def draw_learning_curve(experiment: TuneExperiment, path: str | PathLike[str] | None = None) -> Figure:
    """Draw training loss and held-out loss and, below them, the held-out metric over the epochs.

    A refit is omitted: it also trains on the held-out rows, so there is nothing to compare it with.

    Args:
        path: File to write; its extension sets the format. Default: none.

    Raises:
        FailedPreconditionError: matplotlib is not installed, or there are no snapshots yet.
    """
    figure_kind = figure_class("a learning curve", path)
    snapshots = [item for item in experiment.snapshots if item.phase != "refitting"]
    if not snapshots:
        raise FailedPreconditionError(
            f"{experiment.name} has no learning curve yet. Wait until it has started to tune.", reason="NO_SNAPSHOTS"
        )
    measured = [item for item in snapshots if item.validation_metric is not None]
    rows = 2 if measured else 1
    figure = figure_kind(figsize=(8, 3.4 + 1.8 * (rows - 1)), dpi=150, layout="constrained", facecolor="white")
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False, height_ratios=[2, 1][:rows])[:, 0]
    _draw_loss(axes[0], snapshots)
    if measured:
        _draw_metric(axes[1], measured, experiment)
    best = _best_epoch(snapshots)
    if best is not None:
        _mark_best(list(axes), best, snapshots[-1].epoch, kept=experiment.plan.parameters.keep_best is not False)
    axes[-1].set_xlabel("epoch", color=INK)
    axes[0].set_title(experiment.display_name, loc="left", color=INK, fontsize=12, fontweight="bold")
    if experiment.curve_advice:
        figure.supxlabel(experiment.curve_advice, fontsize=8.5, color="#666666", wrap=True)
    if path is not None:
        figure.savefig(Path(path))
    return figure


def _draw_loss(axes: Axes, snapshots: list[TuneSnapshot]) -> None:
    # The raw loss jumps, because batches differ: it is drawn faintly, behind the mean.
    axes.plot(
        [item.epoch for item in snapshots], [item.loss for item in snapshots], color=_TRAINING, alpha=0.25, linewidth=1
    )
    axes.plot(*_smoothed(snapshots), color=_TRAINING, linewidth=1.8, label="training loss")
    held_out = [item for item in snapshots if item.validation_loss is not None]
    if held_out:
        axes.plot(
            [item.epoch for item in held_out],
            [item.validation_loss or 0.0 for item in held_out],
            color=_HELD_OUT,
            linewidth=1.6,
            marker="o",
            markersize=3.5,
            label="held-out loss",
        )
    axes.set_ylabel("loss, nats per token", color=INK)
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper right", facecolor="white", edgecolor="none", framealpha=1.0)
    tidy(axes)


def _draw_metric(axes: Axes, measured: list[TuneSnapshot], experiment: TuneExperiment) -> None:
    axes.plot(
        [item.epoch for item in measured],
        [item.validation_metric or 0.0 for item in measured],
        color=_METRIC,
        linewidth=1.6,
        marker="o",
        markersize=3.5,
    )
    name = experiment.evaluations[0].main_metric if experiment.evaluations else "metric"
    axes.set_ylabel(f"held-out\n{name.replace('_', ' ')}", color=INK)
    axes.set_ylim(0, max(1.0, *(1.05 * (item.validation_metric or 0.0) for item in measured)))
    tidy(axes)


def _best_epoch(snapshots: list[TuneSnapshot]) -> TuneSnapshot | None:
    """Return the snapshot with the best held-out metric, ties broken by loss; by loss alone if there is no metric."""
    held_out = [item for item in snapshots if item.validation_loss is not None or item.validation_metric is not None]
    return max(
        held_out,
        key=lambda item: (
            item.validation_metric if item.validation_metric is not None else 0.0,
            -(item.validation_loss if item.validation_loss is not None else 0.0),
        ),
        default=None,
    )


def _smoothed(snapshots: list[TuneSnapshot]) -> tuple[list[float], list[float]]:
    """Return the mean epoch and the mean loss of every half epoch."""
    halves: dict[int, list[TuneSnapshot]] = {}
    for item in snapshots:
        halves.setdefault(math.ceil(item.epoch * 2), []).append(item)
    epochs = [fmean(item.epoch for item in half) for half in halves.values()]
    return epochs, [fmean(item.loss for item in half) for half in halves.values()]


def _mark_best(axes: list[Axes], best: TuneSnapshot, last_epoch: float, *, kept: bool) -> None:
    """Draw a line through all panels, labelled where curves rarely run: losses end low, metrics high."""
    for part in axes:
        part.axvline(best.epoch, color="#888888", linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    late = best.epoch > last_epoch / 2
    axes[-1].annotate(
        f"best epoch: {best.epoch:.0f}" + ("" if kept else "; the last one is kept"),
        (best.epoch, 0.0 if len(axes) > 1 else 0.5),
        xycoords=("data", "axes fraction"),
        xytext=(-5 if late else 5, 6),
        textcoords="offset points",
        horizontalalignment="right" if late else "left",
        fontsize=8.5,
        color="#666666",
    )
