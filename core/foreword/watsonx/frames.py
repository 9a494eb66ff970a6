"""Tables as pandas frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from foreword.errors import FailedPreconditionError

if TYPE_CHECKING:
    from pandas import DataFrame


def frame(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, index: str | None = None) -> DataFrame:
    """A frame, indexed by the column `index`.

    Raises:
        FailedPreconditionError: pandas is not installed.
    """
    try:
        from pandas import DataFrame
    except ImportError as error:
        raise FailedPreconditionError(
            "This answers with a pandas frame, and pandas is not installed. Install it with: "
            "pip install 'foreword[pandas]'",
            reason="PANDAS_MISSING",
        ) from error
    table = DataFrame([list(row) for row in rows], columns=list(columns))
    return table if index is None else table.set_index(index)
