"""Drawing of a sweep: the held-out curves of all trials in one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from foreword.client.picture import INK, figure_class, tidy
from foreword.client.resources import TuneExperiment, TuneSnapshot
from foreword.client.sweep_resources import TuneSweep, TuneTrial
from foreword.errors import FailedPreconditionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from foreword.client.curve_figure import CurveFigure

_BEST, _RUNG = "#d9742b", "#888888"
_OTHERS = ("#2f6fb0", "#3a8f5c", "#8d6bb1", "#b0567a", "#5f8a8b", "#a08a3c", "#4a5d9c", "#7a7a7a")
_MOST_NAMED = 12
"""Trials that the legend names; of more, only the best."""


def draw_sweep(
    sweep: TuneSweep, experiments: Mapping[str, TuneExperiment], path: str | PathLike[str] | None = None
) -> CurveFigure:
    """Draw the held-out metric and, below it, the held-out loss of all trials over the epochs.

    A curve that ends early was stopped at one of the rungs, which are drawn as dashed lines.

    Args:
        experiments: The experiments of the trials with their snapshots, by resource name.
        path: File to write; its extension sets the format. Default: none.

    Raises:
        FailedPreconditionError: matplotlib is not installed, or no trial has ended an epoch.
    """
    figure_kind = figure_class("a sweep", path)
    curves = [(trial, _held_out(experiments.get(trial.tune_experiment))) for trial in sweep.trials]
    curves = [(trial, curve) for trial, curve in curves if curve]
    if not curves:
        raise FailedPreconditionError(
            f"No trial of {sweep.name} has ended an epoch yet. Wait until one has.", reason="NO_SNAPSHOTS"
        )
    has_metric = any(item.validation_metric is not None for _, curve in curves for item in curve)
    rows = 2 if has_metric else 1
    figure = figure_kind(figsize=(8, 3.2 + 2.2 * (rows - 1)), dpi=150, layout="constrained", facecolor="white")
    axes = list(figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])
    # The best last, so that it lies above the others.
    curves.sort(key=lambda item: (item[0].tune_experiment == sweep.best_trial, -item[0].number))
    for trial, curve in curves:
        if has_metric:
            _draw(axes[0], sweep, trial, curve, [item.validation_metric for item in curve])
        _draw(axes[-1], sweep, trial, curve, [item.validation_loss for item in curve])
    if has_metric:
        axes[0].set_ylabel(f"held-out {sweep.plan.main_metric or 'metric'}", color=INK)
        axes[0].set_ylim(bottom=0)
    axes[-1].set_ylabel("held-out loss,\nnats per token", color=INK)
    axes[-1].set_xlabel("epoch", color=INK)
    for part in axes:
        _mark_rungs(part, sweep)
        tidy(part)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(
        handles[::-1], names[::-1], loc="outside right upper", frameon=False, fontsize=8, title=_heading(sweep),
        title_fontsize=8,
    )  # fmt: skip
    axes[0].set_title(sweep.display_name, loc="left", color=INK, fontsize=12, fontweight="bold")
    if path is not None:
        figure.savefig(Path(path))
    return figure


def _held_out(experiment: TuneExperiment | None) -> list[TuneSnapshot]:
    """Return the points of a learning curve that have held-out results, without those of a refit."""
    snapshots = experiment.snapshots if experiment is not None else ()
    return [item for item in snapshots if item.validation_loss is not None and item.phase != "refitting"]


def _draw(
    axes: Axes, sweep: TuneSweep, trial: TuneTrial, curve: Sequence[TuneSnapshot], values: Sequence[float | None]
) -> None:
    is_best = trial.tune_experiment == sweep.best_trial
    is_named = is_best or len(sweep.trials) <= _MOST_NAMED
    axes.plot(
        [item.epoch for item in curve],
        [float("nan") if value is None else value for value in values],
        color=_BEST if is_best else _OTHERS[(trial.number - 1) % len(_OTHERS)],
        linewidth=2.4 if is_best else 1.2,
        alpha=1.0 if is_best else 0.75,
        marker="o",
        markersize=4 if is_best else 2.5,
        label=_name(sweep, trial) if is_named else None,
    )


def _heading(sweep: TuneSweep) -> str:
    """Return what the legend's values are."""
    names = [*sweep.swept_parameters, *(["seed"] if sweep.num_seeds > 1 else [])]
    return ", ".join(name.removeprefix("method_parameters.").replace("_", " ") for name in names)


def _name(sweep: TuneSweep, trial: TuneTrial) -> str:
    values = [trial.values.get(name) for name in sweep.swept_parameters]
    shown = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    return ", ".join([*shown, *([str(trial.seed)] if sweep.num_seeds > 1 else [])])[:40]


def _mark_rungs(axes: Axes, sweep: TuneSweep) -> None:
    for rung in sweep.plan.rungs:
        axes.axvline(rung.epoch, color=_RUNG, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
