"""Drawing of a dashboard: its panels, in its own grid, from what Prometheus answered to their queries."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.dates import DateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from panels import PANELS_PER_ROW, Dashboard, Panel
from PIL import Image
from prometheus import Answer
from units import Scale, scale

from foreword.client.picture import INK, tidy
from foreword.client.run_curves import run_color

MOST_SERIES: Final = 7
"""Series of a panel that have a colour and a place in the legend; the others are grey."""

_DPI: Final = 150
_SHADES: Final = 8
_GREY, _PALE = "#999999", "#dce6f1"
_LABEL: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_SMALL, _BOLD, _LARGE = 7.5, 9.5, 22.0
# Inches.
_WIDTH, _HEAD, _MARGIN = 10.5, 0.5, 0.15
_TITLE, _PLOT, _TICKS, _LINE, _GAP, _LEFT = 0.3, 1.3, 0.26, 0.145, 0.14, 0.62
_TIME_STEPS: Final = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 7 * 86_400)
_CHARACTERS: Final = 50
_CHARACTERS_OF_HALF: Final = 23


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A series of a panel.

    Attributes:
        labels: Its labels without the name of the metric.
        points: Seconds since the epoch and value; NaN where there is none.
    """

    name: str
    labels: dict[str, str]
    points: list[tuple[float, float]]

    @property
    def last(self) -> float:
        """The last number."""
        return next((value for _, value in reversed(self.points) if math.isfinite(value)), math.nan)

    @property
    def greatest(self) -> float:
        """The greatest number; 0 without one."""
        return max((value for _, value in self.points if math.isfinite(value)), default=0.0)


def read_series(panel: Panel, answers: Sequence[Answer]) -> list[Series]:
    """Return the series of a panel, those with the greatest values first.

    Args:
        answers: What Prometheus answered to each query of the panel. Series without a number are left out.
    """
    found = []
    for query, answer in zip(panel.queries, answers, strict=True):
        for item in answer:
            labels = {name: value for name, value in item["metric"].items() if name != "__name__"}
            points = [(float(time), float(value)) for time, value in item.get("values") or [item["value"]]]
            name = _LABEL.sub(lambda place, labels=labels: labels.get(place[1], ""), query.legend)
            found.append(Series(name=" ".join(name.split()) or panel.title, labels=labels, points=points))
    return sorted((one for one in found if math.isfinite(one.last)), key=lambda one: -one.greatest)


def draw_dashboard(dashboard: Dashboard, answers: Sequence[Sequence[Answer]], *, start: float, end: float) -> Figure:
    """Draw all panels of a dashboard.

    Args:
        answers: What Prometheus answered to each query of each panel.
        start: Beginning of the time axis in seconds since the epoch, as `end`.
    """
    panels = [_Cell(panel, read_series(panel, given)) for panel, given in zip(dashboard.panels, answers, strict=True)]
    rows = [panels[first : first + PANELS_PER_ROW] for first in range(0, len(panels), PANELS_PER_ROW)]
    heights = [_TITLE + _PLOT + _TICKS + _GAP + _LINE * max(len(cell.legend) for cell in row) for row in rows]
    height = _HEAD + sum(heights)
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor="white")
    figure.text(
        _MARGIN / _WIDTH, 1 - 0.2 / height, dashboard.title, fontsize=13, fontweight="bold", color=INK, va="center"
    )
    top = _HEAD
    for row, row_height in zip(rows, heights, strict=True):
        for column, cell in enumerate(row):
            _draw_cell(
                figure, cell, left=_MARGIN + column * (_WIDTH - _MARGIN) / PANELS_PER_ROW, top=top, span=(start, end)
            )
        top += row_height
    return figure


def write_png(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG with a palette, which is about a third as large."""
    drawn = BytesIO()
    figure.savefig(drawn, format="png")
    with Image.open(drawn) as image:
        image.convert("RGB").quantize(palette=_palette(), dither=Image.Dither.NONE).save(path, optimize=True)


def _palette() -> Image.Image:
    """Return the colours of lines and texts, each in shades up to white for the edges of what is drawn."""
    colors = [to_rgb(color) for color in (INK, _GREY, *map(run_color, range(MOST_SERIES)))]
    shades = [
        round(255 * (1 - (1 - part) * (shade + 1) / _SHADES))
        for color in colors
        for shade in range(_SHADES)
        for part in color
    ]
    palette = Image.new("P", (1, 1))
    palette.putpalette([*shades, *(round(255 * part) for part in to_rgb(_PALE)), 255, 255, 255])
    return palette


@dataclass(frozen=True, slots=True)
class _Cell:
    panel: Panel
    series: Sequence[Series]

    @property
    def legend(self) -> list[list[tuple[str, str]]]:
        """The lines of the legend, each with the colours and the names of one or two series."""
        if self.panel.kind != "timeseries":
            return []
        entries = [(run_color(place), one.name) for place, one in enumerate(self.series[:MOST_SERIES])]
        if len(self.series) > MOST_SERIES:
            entries.append((_GREY, f"{len(self.series) - MOST_SERIES} others"))
        columns = 2 if all(len(name) <= _CHARACTERS_OF_HALF for _, name in entries) else 1
        return [entries[first : first + columns] for first in range(0, len(entries), columns)]


def _draw_cell(figure: Figure, cell: _Cell, *, left: float, top: float, span: tuple[float, float]) -> None:
    """Draw a panel.

    Args:
        left: Inches from the left of the figure, as `top` from its top.
        span: Beginning and end of the time axis.
    """
    width, height = figure.get_size_inches()
    inner = (_WIDTH - _MARGIN) / PANELS_PER_ROW - _MARGIN
    figure.text(
        left / width,
        1 - (top + 0.12) / height,
        cell.panel.title,
        fontsize=_BOLD,
        color=INK,
        va="center",
        fontweight="bold",
    )
    is_plot = cell.panel.kind == "timeseries"
    indent = _LEFT if is_plot else 0.0
    tall = _PLOT if is_plot else _PLOT + _TICKS
    box = (left + indent, height - top - _TITLE - tall, inner - indent, tall)
    axes = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
    if not cell.series:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no data", ha="center", va="center", color=_GREY, fontsize=_BOLD)
        return
    units = scale(cell.panel.unit, max(one.greatest for one in cell.series))
    match cell.panel.kind:
        case "timeseries":
            _draw_lines(axes, cell.series, units, span)
            _draw_legend(figure, cell.legend, left=left, top=top + _TITLE + _PLOT + _TICKS)
        case "stat":
            _draw_stat(axes, cell.series, units)
        case "bargauge":
            _draw_bars(axes, cell.series, cell.panel.unit)
        case "table":
            _draw_table(axes, cell.series, cell.panel.unit)


def _draw_lines(axes: Axes, series: Sequence[Series], units: Scale, span: tuple[float, float]) -> None:
    for place, one in reversed(list(enumerate(series))):
        is_named = place < MOST_SERIES
        color = run_color(place) if is_named else _GREY
        axes.plot(*_line(one, units), color=color, linewidth=1.3 if is_named else 0.6, clip_on=False)
    axes.set_xlim(*(np.datetime64(round(at * 1000), "ms") for at in span))
    greatest = max(one.greatest for one in series) / units.factor
    top = greatest * 1.08 if greatest > 0 else 1.0
    ticks = [float(tick) for tick in MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(0, top) if 0 <= tick <= top]
    ticks = ticks if greatest > 0 else [0.0, 1.0]
    axes.set_ylim(0, top)
    axes.set_yticks(ticks, [f"{tick:g}{units.suffix}" for tick in ticks])
    axes.set_xticks(_times(*span))
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M", tz=UTC))
    tidy(axes)
    axes.tick_params(labelsize=_SMALL, length=2)


def _line(one: Series, units: Scale) -> tuple[list[np.datetime64], list[float]]:
    """Return times and values, with a gap where Prometheus has no point."""
    step = min((after[0] - before[0] for before, after in zip(one.points, one.points[1:], strict=False)), default=0.0)
    times, values = [], []
    for place, (time, value) in enumerate(one.points):
        if place and time - one.points[place - 1][0] > 1.5 * step:
            times.append(_date(one.points[place - 1][0] + step / 2))
            values.append(math.nan)
        times.append(_date(time))
        values.append(value / units.factor)
    return times, values


def _times(start: float, end: float) -> list[np.datetime64]:
    """Return at most five round times of a span."""
    step = next((step for step in _TIME_STEPS if (end - start) / step <= 5), _TIME_STEPS[-1])
    return [_date(time) for time in range(math.ceil(start / step) * step, math.floor(end) + 1, step)]


def _date(time: float) -> np.datetime64:
    return np.datetime64(round(time * 1000), "ms")


def _draw_legend(figure: Figure, lines: Sequence[Sequence[tuple[str, str]]], *, left: float, top: float) -> None:
    width, height = figure.get_size_inches()
    half = ((_WIDTH - _MARGIN) / PANELS_PER_ROW - _MARGIN) / 2
    for number, line in enumerate(lines):
        middle = 1 - (top + (number + 0.6) * _LINE) / height
        for column, (color, name) in enumerate(line):
            begin = left + 0.1 + column * half
            figure.text(begin / width, middle, "\N{BLACK SQUARE}", color=color, fontsize=_SMALL, va="center")
            figure.text(
                (begin + 0.13) / width, middle, _cut(name, _CHARACTERS), color=INK, fontsize=_SMALL, va="center"
            )


def _draw_stat(axes: Axes, series: Sequence[Series], units: Scale) -> None:
    """Draw the last value of each series in large digits, above its line."""
    axes.set_axis_off()
    behind = axes.inset_axes((0, 0, 1, 0.35))
    behind.set_axis_off()
    for one in series[:MOST_SERIES]:
        behind.plot(*_line(one, units), color=run_color(0), linewidth=1)
    behind.set_ylim(0, max(one.greatest for one in series) / units.factor * 1.1 or 1)
    shown = series[:3]
    for place, one in enumerate(shown):
        middle = 0.68 if len(shown) == 1 else 0.9 - 0.24 * place
        size = _LARGE if len(shown) == 1 else _LARGE / 2
        axes.text(0.5, middle, units.text(one.last), ha="center", va="center", color=INK, fontsize=size)
        if one.labels:
            axes.text(0.0, middle, _cut(one.name, 20), ha="left", va="center", color=INK, fontsize=_SMALL)


def _draw_bars(axes: Axes, series: Sequence[Series], unit: str) -> None:
    axes.set_axis_off()
    shown = series[:MOST_SERIES]
    greatest = max(one.greatest for one in shown) or 1.0
    for place, one in enumerate(shown):
        share = max(0.0, one.last / greatest)
        axes.barh(place, 0.43 * share, left=0.44, height=0.66, color=run_color(0))
        axes.text(0.42, place, _cut(one.name, 22), ha="right", va="center", color=INK, fontsize=_SMALL)
        axes.text(
            0.45 + 0.43 * share, place, scale(unit, one.last).text(one.last), va="center", color=INK, fontsize=_SMALL
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(MOST_SERIES + 0.5, -0.5)
    _draw_rest(axes, series, MOST_SERIES)


def _draw_table(axes: Axes, series: Sequence[Series], unit: str) -> None:
    axes.set_axis_off()
    columns = sorted({label for one in series for label in one.labels})
    for place, cells in enumerate(_cells(columns, series[:MOST_SERIES], unit)):
        if place % 2 == 0:
            axes.axhspan(place - 0.5, place + 0.5, color=_PALE, linewidth=0)
        for column, text in enumerate(cells):
            is_value = column == len(columns)
            axes.text(
                0.98 if is_value else 0.02 + column * 0.8 / len(columns),
                place,
                _cut(text, 40 // len(columns)),
                ha="right" if is_value else "left",
                va="center",
                color=INK,
                fontsize=_SMALL,
                fontweight="bold" if place == 0 else "normal",
            )
    axes.set_xlim(0, 1)
    axes.set_ylim(MOST_SERIES + 1.5, -0.5)
    _draw_rest(axes, series, MOST_SERIES + 1)


def _cells(columns: Sequence[str], series: Sequence[Series], unit: str) -> Iterator[list[str]]:
    yield [*columns, "Value"]
    for one in series:
        yield [*(one.labels.get(label, "") for label in columns), scale(unit, one.last).text(one.last)]


def _draw_rest(axes: Axes, series: Sequence[Series], at: float) -> None:
    if len(series) > MOST_SERIES:
        axes.text(0.02, at, f"{len(series) - MOST_SERIES} more", va="center", color=_GREY, fontsize=_SMALL)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
