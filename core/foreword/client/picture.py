"""What all pictures have in common: the class of the figure and the style of its axes. matplotlib is imported late."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Final, Literal

from foreword.client.paths import check_picture_path
from foreword.errors import FailedPreconditionError
from foreword.installation import install_command

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from foreword.client.curve_figure import CurveFigure

INK: Final = "#333333"
"""Colour of text."""

_GRID, _SPINES = "#e3e3e3", "#bbbbbb"


def figure_class(what: str, path: str | PathLike[str] | None) -> type[CurveFigure]:
    """Return the class of figures, after a check of the file to which the picture is to be written.

    Args:
        what: What is drawn, such as `a sweep`.
        path: File to write; None for none.

    Raises:
        FailedPreconditionError: matplotlib is not installed.
        InvalidArgumentError: The file cannot be written, or its extension names no format.
    """
    try:
        from foreword.client.curve_figure import CurveFigure
    except ImportError as error:
        raise FailedPreconditionError(
            f"Drawing {what} needs matplotlib. Install it with: {install_command('plot')}",
            reason="MATPLOTLIB_MISSING",
        ) from error
    if path is not None:
        check_picture_path("path", path)
    return CurveFigure


def tidy(axes: Axes, *, grid: Literal["both", "x", "y"] = "y") -> None:
    """Remove what does not help reading from axes, and draw a light grid.

    Args:
        grid: The axis from whose ticks the lines of the grid start.
    """
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_SPINES)
    axes.tick_params(colors=INK, labelsize=9)
    axes.grid(axis=grid, color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
