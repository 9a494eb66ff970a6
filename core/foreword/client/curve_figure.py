"""The figure of a learning curve."""

from __future__ import annotations

from io import BytesIO

# Not pyplot, which keeps every figure alive and chooses a backend by the available display.
from matplotlib.figure import Figure


class CurveFigure(Figure):
    """A figure that notebooks display directly, with any backend and without `%matplotlib inline`."""

    def _repr_png_(self) -> bytes:
        """Return the figure as a PNG, as IPython requests it."""
        buffer = BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()
