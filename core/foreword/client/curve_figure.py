"""The figure of a learning curve."""

from __future__ import annotations

from io import BytesIO

# Not pyplot: it keeps every figure alive and picks a backend by what display there is.
from matplotlib.figure import Figure


class CurveFigure(Figure):
    """A figure that a notebook shows as it is, with whatever backend and without `%matplotlib inline`."""

    def _repr_png_(self) -> bytes:
        """The picture, as IPython asks for it."""
        buffer = BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()
