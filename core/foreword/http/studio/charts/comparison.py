"""The curves of several runs in one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from foreword.http.studio.charts import plot
from foreword.http.studio.charts.learning_curve import epoch_name
from foreword.http.studio.charts.scales import (
    Scale,
    apart,
    linear,
    linear_ticks,
    logarithmic,
    logarithmic_ticks,
    per_cent,
)

_COLOURS: Final = ("tuned", "base", "held-out")
_DASHES: Final = ("", " dashed", " dotted")
_MOST_WITH_NAMES: Final = 6
"""Curves whose ends have a name below their value."""
_LEAST_LOSS: Final = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCurve:
    """A curve of one run.

    Attributes:
        number: Number of the run on the page, from 1.
        name: Name of the run.
        points: Epochs and values.
        kind: Classes that decide how it is drawn.
    """

    number: int
    name: str
    points: Sequence[tuple[float, float]]
    kind: str


def kind_of(place: int) -> str:
    """Return the classes of the curve at a place, from 0. Nine look different."""
    return _COLOURS[place % len(_COLOURS)] + _DASHES[(place + place // len(_COLOURS)) % len(_DASHES)]


def sample(kind: str) -> Markup:
    """Return the line of a key."""
    return Markup('<svg viewBox="0 0 28 18" aria-hidden="true"><path class="{}" d="M1 9h26"/></svg>').format(kind)


def losses_chart(curves: Sequence[RunCurve], title: str) -> Markup:
    """Return losses over the epochs, on a logarithmic scale. There must be a point."""
    drawn = [(curve, [(epoch, max(loss, _LEAST_LOSS)) for epoch, loss in curve.points]) for curve in curves]
    values = [value for _, points in drawn for _, value in points]
    low, high = min(values) * 0.85, max(values) * 1.15
    return _chart(drawn, logarithmic(low, high), logarithmic_ticks(low, high), title, lambda value: f"{value:.3g}")


def metrics_chart(curves: Sequence[RunCurve], title: str) -> Markup:
    """Return a metric over the epochs. There must be a point."""
    drawn = [(curve, list(curve.points)) for curve in curves]
    values = [value for _, points in drawn for _, value in points]
    high = max(1.0, *values)
    return _chart(drawn, linear(0, high), linear_ticks(0, high, 5), title, lambda value: f"{value:.3f}")


def _chart(
    drawn: Sequence[tuple[RunCurve, list[tuple[float, float]]]],
    y: Scale,
    ticks: Sequence[float],
    title: str,
    written: Callable[[float], str],
) -> Markup:
    drawn = [(curve, points) for curve, points in drawn if points]
    epochs = max(1.0, *(points[-1][0] for _, points in drawn))
    x = linear(0, epochs)
    ends = sorted(((1 - y(points[-1][1]), points[-1], curve) for curve, points in drawn), key=lambda end: end[0])
    spread = _spread([place for place, *_ in ends])
    named = len(ends) <= _MOST_WITH_NAMES
    labels = []
    for place, (_, (_, value), curve) in zip(spread, ends, strict=True):
        at = ("100%", per_cent(place))
        said = written(value) if named else f"({curve.number}) {written(value)}"
        labels.append(plot.label(said, at, dx="12", dy=0 if named else 4))
        if named:
            labels.append(plot.label(f"({curve.number})", at, dx="12", dy=14, kind="gloss"))
    # The first last, so that it lies above the others.
    paths = [plot.path(plot.thinned(points), x, y, curve.kind) for curve, points in reversed(drawn)]
    dots = [plot.dots(points[-1:], x, y, curve.kind.split()[0], full=points[-1][0]) for curve, points in drawn]
    parts = [
        plot.axes(x, y, linear_ticks(0, epochs, 10), ticks),
        plot.curves(*paths),
        *dots,
        *labels,
        plot.title(title),
    ]
    last = "; ".join(f"({curve.number}) {written(points[-1][1])}" for curve, points in drawn)
    lines = [plot.Line(name=f"({curve.number})", points=points, scale=y, written=written) for curve, points in drawn]
    return plot.chart(
        parts,
        name=f"{title} by epoch of the compared runs, at the end: {last}.",
        stops=plot.stops(lines, x, epoch_name),
    )


def _spread(places: Sequence[float]) -> list[float]:
    """Return places of labels that do not touch and lie within the plot, if there is room."""
    least = min(0.14, 0.95 / max(1, len(places)))
    moved = apart(places, least)
    low = 1.0
    for place in range(len(moved) - 1, -1, -1):
        moved[place] = min(moved[place], low)
        low = moved[place] - least
    return moved
