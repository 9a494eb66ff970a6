"""The parts of a figure: axes, curves, points and words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup, escape

from foreword.http.studio.charts.scales import Scale, per_cent

MOST_POINTS: Final = 400
Points = Sequence[tuple[float, float]]


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


def chart(parts: Sequence[Markup], *, name: str, kind: str = "") -> Markup:
    """Return a figure with its accessible name."""
    return Markup('<svg class="chart{}" role="img" aria-label="{}">{}</svg>').format(
        f" {kind}" if kind else "", escape(name), Markup("\n").join(part for part in parts if part)
    )
