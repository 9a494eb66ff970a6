"""Drawing of the learning curves of several runs in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from foreword.client.picture import INK, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from foreword.client.curve_figure import CurveFigure

MARKED_COLOR: Final = "#d9742b"
"""Colour of the run that stands out."""

_COLORS = ("#2f6fb0", "#3a8f5c", "#8d6bb1", "#b0567a", "#5f8a8b", "#a08a3c", "#4a5d9c", "#7a7a7a")
_LINE_STYLES = ("-", "--", ":")
_NAN = float("nan")


def run_color(place: int) -> str:
    """Return the colour of a run by its place from 0; colours repeat after eight."""
    return _COLORS[place % len(_COLORS)]


def run_line_style(place: int) -> str:
    """Return the line style of a run by its place from 0, which differs for runs of the same colour."""
    return _LINE_STYLES[place // len(_COLORS) % len(_LINE_STYLES)]


class Point(Protocol):
    """A point of a learning curve."""

    @property
    def epoch(self) -> float:
        """Number of completed epochs, including fractions."""

    @property
    def loss(self) -> float:
        """Training loss in nats per token."""

    @property
    def validation_loss(self) -> float | None:
        """Held-out loss in nats per token; None except at the end of an epoch."""

    @property
    def validation_metric(self) -> float | None:
        """Held-out metric; None except at the end of an epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCurve:
    """The curve of a run.

    Attributes:
        label: Name in the legend; None for none.
        held_out: Points with held-out results.
        training: Points with the training loss; empty to draw none.
        kept: Point that is marked with a ring.
    """

    label: str | None
    color: str
    held_out: Sequence[Point]
    training: Sequence[Point] = ()
    kept: Point | None = None
    is_bold: bool = False
    line_style: str = "-"


def draw_run_curves(
    figure_kind: type[CurveFigure], curves: Sequence[RunCurve], *, title: str, metric: str, legend_title: str = ""
) -> CurveFigure:
    """Draw the held-out metric of all runs and, below it, their losses over the epochs.

    Args:
        curves: The curve that lies above all others comes last, and is the first in the legend.
        metric: Name of the held-out metric.
    """
    has_metric = any(point.validation_metric is not None for curve in curves for point in curve.held_out)
    rows = 2 if has_metric else 1
    figure = figure_kind(figsize=(8, 3.2 + 2.2 * (rows - 1)), dpi=150, layout="constrained", facecolor="white")
    axes = list(figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])
    handles = []
    for curve in curves:
        if has_metric:
            _draw_held_out(axes[0], curve, "validation_metric")
        training = _draw_training(axes[-1], curve) if curve.training else None
        held_out = _draw_held_out(axes[-1], curve, "validation_loss") if curve.held_out else training
        if curve.label is not None and held_out is not None:
            handles.append((held_out, curve.label))
    if has_metric:
        axes[0].set_ylabel(f"held-out {metric}", color=INK)
        axes[0].set_ylim(bottom=0)
    shows_training = any(curve.training for curve in curves)
    axes[-1].set_ylabel("loss, nats per token" if shows_training else "held-out loss,\nnats per token", color=INK)
    axes[-1].set_xlabel("epoch", color=INK)
    for part in axes:
        tidy(part)
    figure.legend(
        [handle for handle, _ in reversed(handles)], [label for _, label in reversed(handles)],
        loc="outside right upper", frameon=False, fontsize=8, title=legend_title, title_fontsize=8,
    )  # fmt: skip
    axes[0].set_title(title, loc="left", color=INK, fontsize=12, fontweight="bold")
    return figure


def _draw_held_out(axes: Axes, curve: RunCurve, field: str) -> Line2D:
    from matplotlib.markers import MarkerStyle

    values = [getattr(point, field) for point in curve.held_out]
    (line,) = axes.plot(
        [point.epoch for point in curve.held_out],
        [_NAN if value is None else value for value in values],
        color=curve.color,
        linestyle=curve.line_style,
        linewidth=2.4 if curve.is_bold else 1.2,
        alpha=1.0 if curve.is_bold else 0.75,
        marker="o",
        markersize=4 if curve.is_bold else 2.5,
    )
    kept = None if curve.kept is None else getattr(curve.kept, field)
    if curve.kept is not None and kept is not None:
        ring = MarkerStyle("o", fillstyle="none")
        axes.plot([curve.kept.epoch], [kept], linestyle="none", marker=ring, markersize=8, color=curve.color)
    return line


def _draw_training(axes: Axes, curve: RunCurve) -> Line2D:
    # Losses of batches jump: they are drawn faintly, behind the held-out losses.
    (line,) = axes.plot(
        [point.epoch for point in curve.training],
        [point.loss for point in curve.training],
        color=curve.color,
        alpha=0.35,
        linewidth=0.8,
        zorder=1,
    )
    return line
