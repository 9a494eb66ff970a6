"""Drawing of a sweep: the held-out curves of all trials in one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from foreword.client.picture import figure_class
from foreword.client.resources import TuneExperiment, TuneSnapshot
from foreword.client.run_curves import MARKED_COLOR, RunCurve, draw_run_curves, run_color
from foreword.client.sweep_resources import TuneSweep, TuneTrial
from foreword.errors import FailedPreconditionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from foreword.client.curve_figure import CurveFigure

_RUNG = "#888888"
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
    # The best last, so that it lies above the others.
    curves.sort(key=lambda item: (item[0].tune_experiment == sweep.best_trial, -item[0].number))
    figure = draw_run_curves(
        figure_kind,
        [_curve(sweep, trial, held_out) for trial, held_out in curves],
        title=sweep.display_name,
        metric=sweep.plan.main_metric or "metric",
        legend_title=_heading(sweep),
    )
    for axes in figure.axes:
        _mark_rungs(axes, sweep)
    if path is not None:
        figure.savefig(Path(path))
    return figure


def _held_out(experiment: TuneExperiment | None) -> list[TuneSnapshot]:
    """Return the points of a learning curve that have held-out results, without those of a refit."""
    snapshots = experiment.snapshots if experiment is not None else ()
    return [item for item in snapshots if item.validation_loss is not None and item.phase != "refitting"]


def _curve(sweep: TuneSweep, trial: TuneTrial, held_out: Sequence[TuneSnapshot]) -> RunCurve:
    is_best = trial.tune_experiment == sweep.best_trial
    is_named = is_best or len(sweep.trials) <= _MOST_NAMED
    return RunCurve(
        label=_name(sweep, trial) if is_named else None,
        color=MARKED_COLOR if is_best else run_color(trial.number - 1),
        held_out=held_out,
        is_bold=is_best,
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
