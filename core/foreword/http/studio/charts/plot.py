"""The parts of a figure: axes, curves, points and words."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from foreword.http.studio.charts.scales import Scale, per_cent

MOST_POINTS: Final = 400
_MOST_STOPS: Final = 60
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A curve as the crosshair reads it.

    Attributes:
        name: What a value is, such as `held-out`.
        scale: Where a value lies.
        written: Writes a value.
    """

    name: str
    points: Points
    scale: Scale
    written: Callable[[float], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A place of the crosshair.

    Attributes:
        at: Share of the width, from the left.
        name: What the place is, such as `Epoch 3`.
        values: Names and values there, and the share of the height, from the top, at which each is drawn.
    """

    at: float
    name: str
    values: Sequence[tuple[str, str, float]]


def stops(lines: Sequence[Line], x: Scale, named: Callable[[float], str]) -> list[Stop]:
    """Return the places of the crosshair: where curves have points, and at most 60 of them.

    Args:
        named: Names a place.
    """
    places = sorted({a for line in lines for a, _ in line.points})
    step = max(1.0, (len(places) - 1) / (_MOST_STOPS - 1)) if len(places) > 1 else 1.0
    chosen = [places[round(number * step)] for number in range(math.floor((len(places) - 1) / step + 1e-9) + 1)]
    known = [(line, dict(line.points)) for line in lines]
    return [
        Stop(
            at=x(a),
            name=named(a),
            values=[
                (line.name, line.written(values[a]), 1 - line.scale(values[a])) for line, values in known if a in values
            ],
        )
        for a in chosen
    ]


def thinned(points: Points) -> list[tuple[float, float]]:
    """Return at most 400 points: of each bundle the lowest and the highest, so that no peak is lost."""
    if len(points) <= MOST_POINTS:
        return list(points)
    size = math.ceil(len(points) / (MOST_POINTS / 2))
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), size):
        bundle = points[start : start + size]
        kept += sorted({min(bundle, key=lambda point: point[1]), max(bundle, key=lambda point: point[1])})
    return kept


def path(points: Points, x: Scale, y: Scale, kind: str) -> Markup:
    """Return a curve for `curves`; nothing without points."""
    if not points:
        return Markup()
    steps = "L".join(f"{1000 * x(a):.0f} {1000 - 1000 * y(b):.0f}" for a, b in points)
    return Markup('<path class="{}" d="M{}"/>').format(kind, steps)


def curves(*paths: Markup) -> Markup:
    """Return the stretched box of curves."""
    return Markup(
        '<svg width="100%" height="100%" viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(Markup().join(paths))


def dots(points: Points, x: Scale, y: Scale, kind: str, *, full: float | None = None) -> Markup:
    """Return small circles. The one at x = `full` is filled."""
    return Markup().join(
        Markup('<circle class="{}{}" cx="{}" cy="{}" r="{}"/>').format(
            kind,
            " full" if full is not None and abs(a - full) < 1e-6 else "",
            per_cent(x(a)),
            per_cent(1 - y(b)),
            4 if full is not None and abs(a - full) < 1e-6 else 2.75,
        )
        for a, b in points
    )


def axes(x: Scale, y: Scale, x_ticks: Sequence[float], y_ticks: Sequence[float], *, x_labels: bool = True) -> Markup:
    """Return hairlines, the foot of the plot, and the labels of ticks outside of it."""
    lines = [
        Markup(
            '<line class="grid" x1="0" x2="100%" y1="{0}" y2="{0}"/>'
            '<text class="y" x="0" dx="-8" y="{0}" dy="4">{1}</text>'
        ).format(per_cent(1 - y(tick)), f"{tick:g}")
        for tick in y_ticks
    ]
    lines.append(Markup('<line class="axis" x1="0" x2="100%" y1="100%" y2="100%"/>'))
    if x_labels:
        lines += [
            Markup('<text class="x{}" x="{}" y="100%" dy="20">{}</text>').format(
                "" if number % 2 == 0 else " minor", per_cent(x(tick)), f"{tick:g}"
            )
            for number, tick in enumerate(x_ticks)
        ]
    return Markup().join(lines)


def mark(at: float, x: Scale) -> Markup:
    """Return a dashed line through the plot."""
    return Markup('<line class="mark" x1="{0}" x2="{0}" y1="-6" y2="100%"/>').format(per_cent(x(at)))


def ahead(at: float, x: Scale) -> Markup:
    """Return the shade over what is still to come."""
    return Markup('<rect class="ahead" x="{}" y="0" width="{}" height="100%"/>').format(
        per_cent(x(at)), per_cent(1 - x(at))
    )


def label(text: str, at: tuple[str, str], *, dx: str = "0", dy: float = 0, kind: str = "label") -> Markup:
    """Return words in a plot."""
    return Markup('<text class="{}" x="{}" y="{}" dx="{}" dy="{}">{}</text>').format(
        kind, at[0], at[1], dx, f"{dy:g}", text
    )


def title(text: str) -> Markup:
    """Return the title above a plot."""
    return label(text, ("0", "0"), dx="-3.67em", dy=-16, kind="")


def chart(parts: Sequence[Markup], *, name: str, kind: str = "", stops: Iterable[Stop] = ()) -> Markup:
    """Return a figure with its accessible name.

    Args:
        stops: Places of the crosshair, from left to right, which a script moves by the arrow keys; none for none.
    """
    read = [[per_cent(stop.at), stop.name, [[*said, per_cent(y)] for *said, y in stop.values]] for stop in stops]
    keys = Markup(' tabindex="0" data-stops="{}"').format(json.dumps(read, separators=(",", ":"))) if read else ""
    return Markup('<svg class="chart{}" role="img" aria-label="{}"{}>{}</svg>').format(
        f" {kind}" if kind else "", escape(name), keys, Markup("\n").join(part for part in parts if part)
    )
