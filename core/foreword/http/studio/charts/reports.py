"""Figures of the typed parts of reports: histograms and matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from markupsafe import Markup

from foreword.http.studio.charts import plot
from foreword.http.studio.charts.scales import linear, per_cent

_CELL: Final = 40
_MOST_LABELS: Final = 30
"""Rows and columns of a matrix that are drawn."""
_CHARACTERS: Final = 24
"""Characters of a label that are drawn."""


class HistogramContent(Protocol):
    """N counts over N intervals with N + 1 increasing edges."""

    @property
    def unit(self) -> str: ...  # noqa: D102
    @property
    def edges(self) -> tuple[float, ...]: ...  # noqa: D102
    @property
    def counts(self) -> tuple[int, ...]: ...  # noqa: D102


class TableContent(Protocol):
    """A table of texts."""

    @property
    def columns(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def rows(self) -> tuple[tuple[str, ...], ...]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar in a row of a table.

    Attributes:
        parted: Whether it shows two parts: rows with the label alone, and with others.
    """

    drawn: Markup
    parted: bool


class MatrixContent(Protocol):
    """A matrix of numbers with labelled rows and columns."""

    @property
    def row_labels(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def column_labels(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def values(self) -> tuple[tuple[float, ...], ...]: ...  # noqa: D102


def histogram(content: HistogramContent, title: str) -> Markup:
    """Return counts over intervals, drawn with equal widths; the labels are those of the edges."""
    edges, counts = content.edges, content.counts
    if not counts:
        return Markup("<p>No values.</p>")
    most = max(counts) or 1
    x, y = linear(0, len(counts)), linear(0, most)
    bins = [
        Markup('<rect class="bin" x="{}" width="{}" y="{}" height="{}"/>').format(
            per_cent(x(place)), per_cent(x(1)), per_cent(1 - y(count)), per_cent(y(count))
        )
        + plot.label(f"{count:,}", (per_cent(x(place + 0.5)), per_cent(1 - y(count))), dy=-5, kind="x")
        for place, count in enumerate(counts)
        if count
    ]
    ticks = [
        Markup('<text class="x{}" x="{}" y="100%" dy="18">{}</text>').format(
            " minor" if place % 2 else "", per_cent(x(place)), f"{edge:g}"
        )
        for place, edge in enumerate(edges)
    ]
    axis = Markup('<line class="axis" x1="0" x2="100%" y1="100%" y2="100%"/>')
    top = counts.index(max(counts))
    name = (
        f"{title}, in {content.unit}: {edges[0]:g} to {edges[-1]:g}, most often {edges[top]:g} to {edges[top + 1]:g}."
    )
    return plot.chart([*bins, axis, *ticks], name=name, kind="middle")


def label_bars(content: TableContent) -> list[Bar]:
    """Return a bar for each row of a table whose column `rows` has counts; nothing for other tables."""
    columns = {name: place for place, name in enumerate(content.columns)}
    if "rows" not in columns or columns["rows"] == 0:
        return []
    parted = {"alone", "with others"} <= columns.keys()
    try:
        counts = [
            [_count(row[columns[name]]) for name in (("alone", "with others") if parted else ("rows",))]
            for row in content.rows
        ]
    except ValueError:
        return []
    most = max((sum(parts) for parts in counts), default=0) or 1
    return [Bar(_bar([part / most for part in parts]), parted) for parts in counts]


def _count(text: str) -> int:
    return int(text.replace(",", ""))


def _bar(shares: Sequence[float]) -> Markup:
    parts, at = [Markup('<rect class="track" width="100%" height="100%"/>')], 0.0
    for kind, share in zip(("fill", "part"), shares, strict=False):
        parts.append(
            Markup('<rect class="{}" x="{}" width="{}" height="100%"/>').format(kind, per_cent(at), per_cent(share))
        )
        at += share
    return Markup('<svg class="bars" aria-hidden="true">{}</svg>').format(Markup().join(parts))


def heat(content: MatrixContent, title: str) -> Markup:
    """Return a matrix as a map of colours. Where rows and columns are the same, the diagonal takes no part in them."""
    rows, columns = content.row_labels[:_MOST_LABELS], content.column_labels[:_MOST_LABELS]
    symmetric = content.row_labels == content.column_labels
    values = [row[: len(columns)] for row in content.values[: len(rows)]]
    most = max(
        (value for r, row in enumerate(values) for c, value in enumerate(row) if not (symmetric and r == c)),
        default=0.0,
    )
    left = 16 + 7 * min(_CHARACTERS, max((len(label) for label in rows), default=1))
    top = 16 + 5 * min(_CHARACTERS, max((len(label) for label in columns), default=1))
    parts = [
        Markup('<text x="{0:g}" y="{1:g}" transform="rotate(-45 {0:g} {1:g})">{2}</text>').format(
            left + c * _CELL + _CELL / 2 + 4, top - 10, _cut(label)
        )
        for c, label in enumerate(columns)
    ]
    for r, label in enumerate(rows):
        middle = top + r * _CELL + _CELL / 2
        parts.append(
            Markup('<text x="{:g}" y="{:g}" text-anchor="end" dominant-baseline="central">{}</text>').format(
                left - 10, middle, _cut(label)
            )
        )
        parts += [
            _cell(value, left + c * _CELL, top + r * _CELL, most, total=symmetric and r == c)
            for c, value in enumerate(values[r])
        ]
    width, height = left + _CELL * len(columns) + 36, top + _CELL * len(rows) + 2
    return Markup('<svg class="heat" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, height, title, Markup().join(parts)
    )


def _cell(value: float, x: float, y: float, most: float, *, total: bool) -> Markup:
    step = 0 if value <= 0 or not most else min(5, 1 + int(5 * (value - 1) / most)) if value >= 1 else 1
    kind, inset = ("total", 1.5) if total else (f"n{step}", 1.0)
    tone = "high" if not total and step >= 4 else "low"
    size = _CELL - 2 * inset
    return Markup(
        '<rect class="{}" x="{:g}" y="{:g}" width="{:g}" height="{:g}"/>'
        '<text class="cell {}" x="{:g}" y="{:g}">{}</text>'
    ).format(
        kind, x + inset, y + inset, size, size, tone, x + _CELL / 2, y + _CELL / 2, f"{value:.3g}" if value else "·"
    )


def _cut(label: str) -> str:
    return label if len(label) <= _CHARACTERS else f"{label[: _CHARACTERS - 1]}…"
