"""Drawing of an evaluation: the main metric of all systems, and how reliable their probabilities are."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from foreword.client.evaluation_resources import Evaluation
from foreword.client.picture import INK, figure_class, tidy
from foreword.client.system_name import system_name
from foreword.domain.counted import counted
from foreword.domain.report import CalibrationBin, SystemEvaluation
from foreword.errors import FailedPreconditionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from foreword.client.curve_figure import CurveFigure

_COLOURS = ("#d9742b", "#2f6fb0", "#3a8f5c", "#8d6bb1", "#b0567a", "#5f8a8b", "#a08a3c", "#7a7a7a")
"""One for each system, of at most 8; the first is the one that the others are compared with."""
_PALE = "#888888"
_LEAST_ROWS = 5
"""Minimum number of rows of a point of the reliability curve."""
_WIDTH_OF_A_LABEL = 28
_EDGE = 0.06
"""Share of the axis in which a number in the middle of its point would cross the edge."""


def draw_evaluation(evaluation: Evaluation, path: str | PathLike[str] | None = None) -> CurveFigure:
    """Draw the main metric of all systems with 95 % intervals and, beside it, the reliability of their probabilities.

    The reliability curve shows the share of right answers over their mean probability. On the diagonal, answers are as
    often right as their probabilities promise. ECE is the expected calibration error. Of few rows, the curve has fewer
    points, each of at least 5 rows.

    Args:
        path: File to write; its extension sets the format. Default: none.

    Raises:
        FailedPreconditionError: matplotlib is not installed, or the evaluation has no results.
    """
    figure_kind = figure_class("an evaluation", path)
    if not evaluation.results:
        raise FailedPreconditionError(
            f"{evaluation.name} has no results. Wait until it has ended.", reason="NO_RESULTS"
        )
    calibrated = any(item.calibration is not None and item.calibration.bins for item in evaluation.results)
    height = max(3.8 if calibrated else 2.2, 1.4 + 0.42 * len(evaluation.results))
    figure = figure_kind(figsize=(13 if calibrated else 8, height), dpi=150, layout="constrained", facecolor="white")
    panels = 2 if calibrated else 1
    axes = list(figure.subplots(1, panels, squeeze=False, width_ratios=[1.25, 1][:panels])[0])
    _draw_metric(axes[0], evaluation.results)
    if calibrated:
        _draw_reliability(axes[1], evaluation.results)
    title = f"{evaluation.display_name}, partial" if evaluation.partial else evaluation.display_name
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=12, fontweight="bold")
    if path is not None:
        figure.savefig(Path(path))
    return figure


def _draw_metric(axes: Axes, results: Sequence[SystemEvaluation]) -> None:
    """Draw a point with its interval for each system, the first on top."""
    ends = [item.intervals[item.main_metric] for item in results if item.main_metric in item.intervals]
    values = [item.metrics[item.main_metric] for item in results]
    left = min(0.0, *values, *(end.lower for end in ends))
    right = max(1.02, *(1.05 * value for value in values), *(end.upper for end in ends))
    for place, (item, value) in enumerate(zip(results, values, strict=True)):
        interval = item.intervals.get(item.main_metric)
        colour = _COLOURS[place % len(_COLOURS)]
        if interval is not None:
            axes.plot([interval.lower, interval.upper], [place, place], color=colour, linewidth=2.2, alpha=0.55)
        axes.plot([value], [place], color=colour, marker="o", markersize=7, clip_on=False)
        at_the_edge = value - left < _EDGE * (right - left)  # there, the name of the system is on the left
        axes.annotate(
            f"{value:.3f}",
            (value, place),
            xytext=(0, 8),
            textcoords="offset points",
            horizontalalignment="left" if at_the_edge else "center",
            fontsize=8.5,
            color=INK,
        )
    axes.set_yticks(range(len(results)), [_label(item) for item in results])
    axes.set_ylim(len(results) - 0.5, -0.7)
    axes.set_xlim(left, right)
    rows = counted(results[0].row_count, "row")
    axes.set_xlabel(f"{results[0].main_metric.replace('_', ' ')} on {rows}, 95 % intervals", color=INK)
    tidy(axes, grid="x")


def _draw_reliability(axes: Axes, results: Sequence[SystemEvaluation]) -> None:
    axes.plot([0, 1], [0, 1], color=_PALE, linewidth=1, linestyle=(0, (4, 3)))
    most = max(bin.row_count for item in results if item.calibration for bin in _joined(item.calibration.bins))
    for place, item in enumerate(results):
        if item.calibration is None or not item.calibration.bins:
            continue
        colour = _COLOURS[place % len(_COLOURS)]
        bins = _joined(item.calibration.bins)
        points = [bin.mean_probability for bin in bins], [bin.accuracy for bin in bins]
        error = item.calibration.expected_calibration_error
        axes.plot(
            *points, color=colour, linewidth=1.4, marker="o", markersize=4, label=f"{_label(item)}, ECE {error:.3f}"
        )
        sizes = [12 + 30 * bin.row_count / most for bin in bins]
        axes.scatter(*points, s=sizes, color=colour, zorder=3, clip_on=False)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("probability of the answer", color=INK)
    axes.set_ylabel("share of right answers", color=INK)
    # Beside the panel, where names hide no curve.
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1), borderaxespad=0, edgecolor="none", fontsize=8.5)
    tidy(axes, grid="both")


def _joined(bins: Sequence[CalibrationBin]) -> list[CalibrationBin]:
    """Return the bins, neighbours joined so that each has at least 5 rows: the share of fewer is mostly chance."""
    found: list[CalibrationBin] = []
    open_bin: CalibrationBin | None = None
    for bin in bins:
        open_bin = bin if open_bin is None else _join(open_bin, bin)
        if open_bin.row_count >= _LEAST_ROWS:
            found.append(open_bin)
            open_bin = None
    if open_bin is not None:
        found.append(_join(found.pop(), open_bin) if found else open_bin)
    return found


def _join(first: CalibrationBin, second: CalibrationBin) -> CalibrationBin:
    count = first.row_count + second.row_count
    means = [
        (first.row_count * one + second.row_count * other) / count
        for one, other in (
            (first.mean_probability, second.mean_probability),
            (first.accuracy, second.accuracy),
        )
    ]
    return CalibrationBin(mean_probability=means[0], accuracy=means[1], row_count=count)


def _label(item: SystemEvaluation) -> str:
    """Return the name of a system, in two lines if it is long."""
    name, comma, rest = system_name(item.system).partition(", ")
    return f"{_short(name)},\n{rest}" if comma else _short(name)


def _short(name: str) -> str:
    return name if len(name) <= _WIDTH_OF_A_LABEL + 12 else f"{name[:_WIDTH_OF_A_LABEL]}..."
