"""Drawing of a data report: rows by label, labels that occur together, and lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from foreword.client.picture import INK, figure_class, tidy
from foreword.domain.counted import counted
from foreword.domain.report import DataReport, Histogram, Matrix, Table
from foreword.errors import FailedPreconditionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from foreword.client.curve_figure import CurveFigure

_ALONE: Final = "#2f6fb0"
_WITH_OTHERS: Final = "#a9c6e3"
_LENGTHS: Final = "#3a8f5c"
_DIAGONAL: Final = "#eeeeee"
_MOST_LABELS: Final = 30
_MOST_NUMBERED: Final = 12
"""Number of labels up to which there is room for a number in each cell of the matrix."""
_WIDTH_OF_A_LABEL: Final = 26
_WIDTH_OF_NAMES: Final = 36
"""Number of characters for which there is room below the matrix."""

Content = TypeVar("Content", Table, Histogram, Matrix)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Label:
    name: str
    alone: int
    with_others: int

    @property
    def row_count(self) -> int:
        return self.alone + self.with_others


def draw_dataset(report: DataReport, path: str | PathLike[str] | None = None, *, title: str = "") -> CurveFigure:
    """Draw the rows by label, how many rows have two labels together, and the lengths of the texts.

    Labels are drawn by their number of rows, at most 30 of them. If rows have several labels, the dark part of a bar
    counts rows with only this label, and the matrix counts rows with both labels.

    Args:
        path: File to write; its extension sets the format. Default: none.
        title: Name of the data, in front of the number of rows.

    Raises:
        FailedPreconditionError: matplotlib is not installed, or the report has nothing to draw.
    """
    figure_kind = figure_class("a dataset", path)
    labels = _labels(report)
    matrix = _part(report, "co_occurrence", Matrix)
    lengths = {
        column: found
        for column in ("input", "output")
        if (found := _part(report, f"{column}_lengths", Histogram)) is not None
    }
    if not labels and not lengths:
        raise FailedPreconditionError(
            "The report has neither labels nor lengths to draw. Check data with rows that can be used.",
            reason="NOTHING_TO_DRAW",
        )
    shown = labels[:_MOST_LABELS]
    widths = [4.2] * bool(labels) + [1.6 + 0.3 * max(9, len(shown))] * bool(labels and matrix) + [4.0] * bool(lengths)
    height = max(4.4, 1.7 + 0.27 * len(shown))
    figure = figure_kind(figsize=(sum(widths), height), dpi=150, layout="constrained", facecolor="white")
    grid = figure.add_gridspec(1, len(widths), width_ratios=widths)
    place = 0
    if labels:
        _draw_labels(figure.add_subplot(grid[0, place]), shown, len(labels))
        place += 1
        if matrix is not None:
            _draw_matrix(figure.add_subplot(grid[0, place]), matrix, [label.name for label in shown])
            place += 1
    if lengths:
        rows = grid[0, place].subgridspec(len(lengths), 1)
        for row, (column, histogram) in enumerate(lengths.items()):
            _draw_lengths(figure.add_subplot(rows[row, 0]), column, histogram)
    figure.suptitle(_heading(report, title, len(labels)), x=0.01, ha="left", color=INK, fontsize=12, fontweight="bold")
    if path is not None:
        figure.savefig(Path(path))
    return figure


def _heading(report: DataReport, title: str, label_count: int) -> str:
    facts = [counted(report.usable_row_count, "row")]
    facts += [counted(label_count, "label")] if label_count else []
    facts += [counted(len(report.warnings), "warning")] if report.warnings else []
    facts += [counted(len(report.errors), "error")] if report.errors else []
    return ": ".join(filter(None, [title, ", ".join(facts)]))


def _part(report: DataReport, id: str, kind: type[Content]) -> Content | None:
    """Return the content of a part of the report; None if there is none of this kind."""
    return next((part.content for part in report.parts if part.id == id and isinstance(part.content, kind)), None)


def _labels(report: DataReport) -> list[_Label]:
    """Return the labels by their number of rows."""
    table = _part(report, "label_counts", Table)
    if table is None or not {"label", "rows"} <= {*table.columns}:
        return []
    found = []
    for cells in table.rows:
        values: Mapping[str, str] = dict(zip(table.columns, cells, strict=True))
        rows = _number(values["rows"])
        alone = _number(values["alone"]) if "alone" in values else rows
        found.append(_Label(name=values["label"], alone=alone, with_others=rows - alone))
    return sorted(found, key=lambda label: -label.row_count)


def _number(cell: str) -> int:
    return int(cell.replace(",", ""))


def _draw_labels(axes: Axes, labels: Sequence[_Label], total: int) -> None:
    """Draw a bar for each label, the most frequent on top."""
    places = range(len(labels))
    thickness = min(0.7, 0.16 * len(labels))
    several = any(label.with_others for label in labels)
    axes.barh(places, [label.alone for label in labels], color=_ALONE, height=thickness, label="alone")
    if several:
        axes.barh(
            places,
            [label.with_others for label in labels],
            left=[label.alone for label in labels],
            color=_WITH_OTHERS,
            height=thickness,
            label="with others",
        )
        axes.legend(loc="lower right", edgecolor="none", fontsize=8.5)
    for place, label in enumerate(labels):
        axes.annotate(
            f"{label.row_count:,}",
            (label.row_count, place),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=INK,
        )
    axes.set_yticks(places, [_short(label.name) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.margins(x=0.12)
    more = f" (the {len(labels)} most frequent labels of {total:,})" if total > len(labels) else ""
    axes.set_xlabel(f"rows by label{more}", color=INK)
    tidy(axes, grid="x")


def _draw_matrix(axes: Axes, matrix: Matrix, order: Sequence[str]) -> None:
    """Draw how many rows have both labels. The diagonal, which would count all rows of a label, is grey."""
    known = {label: place for place, label in enumerate(matrix.row_labels)}
    labels = [label for label in order if label in known]
    values = [[matrix.values[known[one]][known[other]] for other in labels] for one in labels]
    together = [
        [None if row == column else value for column, value in enumerate(line)] for row, line in enumerate(values)
    ]
    most = max((value for line in together for value in line if value is not None), default=0.0)
    axes.set_facecolor(_DIAGONAL)
    cells = [[float("nan") if value is None else value for value in line] for line in together]
    axes.imshow(cells, cmap="Blues", vmin=0, vmax=max(1.0, 1.15 * most), aspect="equal")
    if len(labels) <= _MOST_NUMBERED:
        for row, line in enumerate(together):
            for column, value in enumerate(line):
                if value:
                    colour = "white" if value > 0.6 * most else INK
                    axes.text(column, row, f"{value:,.0f}", ha="center", va="center", fontsize=8, color=colour)
    size = 9 if len(labels) <= _MOST_NUMBERED else 8
    names = [_short(label) for label in labels]
    axes.set_yticks(range(len(labels)), names)
    upright = len(names) * max(map(len, names), default=0) > _WIDTH_OF_NAMES
    axes.set_xticks(range(len(labels)), names, rotation=90 if upright else 0)
    axes.set_xlabel(f"rows with both labels, at most {most:,.0f}", color=INK)
    tidy(axes)
    axes.tick_params(labelsize=size, length=0)
    axes.grid(visible=False)


def _draw_lengths(axes: Axes, column: str, histogram: Histogram) -> None:
    lefts, rights = histogram.edges[:-1], histogram.edges[1:]
    widths = [right - left for left, right in zip(lefts, rights, strict=True)]
    axes.bar(lefts, histogram.counts, width=widths, align="edge", color=_LENGTHS, edgecolor="white", linewidth=0.6)
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel(f"{column} length in {histogram.unit}", color=INK)
    axes.set_ylabel("rows", color=INK)
    tidy(axes)


def _short(name: str) -> str:
    """Return a label in one line. Of a long one, the middle is left out, because similar labels often differ later."""
    plain = " ".join(name.split())
    if len(plain) <= _WIDTH_OF_A_LABEL:
        return plain
    end = _WIDTH_OF_A_LABEL // 2 - 3
    return f"{plain[: _WIDTH_OF_A_LABEL - end - 3]}...{plain[-end:]}"
