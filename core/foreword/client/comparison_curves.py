"""Drawing of a comparison: the learning curves of all runs in one picture."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from foreword.client.comparison_resources import TuneComparison
from foreword.client.picture import figure_class
from foreword.client.run_curves import RunCurve, draw_run_curves, run_color, run_line_style
from foreword.errors import FailedPreconditionError

if TYPE_CHECKING:
    from foreword.client.curve_figure import CurveFigure

_MOST_CHARACTERS = 40


def draw_comparison(comparison: TuneComparison, path: str | PathLike[str] | None = None) -> CurveFigure:
    """Draw the held-out metric and, below it, held-out and training loss of all runs over the epochs.

    Training losses are the thin lines. A ring marks the epoch that a run keeps. Runs without a curve are left out.

    Args:
        path: File to write; its extension sets the format. Default: none.

    Raises:
        FailedPreconditionError: matplotlib is not installed, or no run has a learning curve yet.
    """
    figure_kind = figure_class("a comparison", path)
    curves = [
        RunCurve(
            label=_short(run.display_name),
            color=run_color(place),
            line_style=run_line_style(place),
            held_out=run.held_out_curve,
            training=run.curve,
            kept=run.kept_point,
        )
        for place, run in enumerate(comparison.tune_experiments)
        if run.curve
    ]
    if not curves:
        raise FailedPreconditionError(
            "None of the experiments has a learning curve yet. Wait until one has started to tune.",
            reason="NO_SNAPSHOTS",
        )
    main_metrics = {run.main_metric for run in comparison.tune_experiments if run.main_metric}
    metric = main_metrics.pop() if len(main_metrics) == 1 else "metric"
    # The first last, so that it lies above the others and leads the legend.
    figure = draw_run_curves(figure_kind, curves[::-1], title="Comparison", metric=metric.replace("_", " "))
    note = "Thin lines: training loss. Rings: the epoch that a run keeps."
    figure.supxlabel(note, fontsize=8.5, color="#666666")
    if path is not None:
        figure.savefig(Path(path))
    return figure


def _short(name: str) -> str:
    """Return a name that fits into a legend; its end has the number of the run."""
    return name if len(name) <= _MOST_CHARACTERS else f"{name[: _MOST_CHARACTERS - 11]}...{name[-8:]}"
