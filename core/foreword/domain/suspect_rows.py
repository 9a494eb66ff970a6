"""Rows that look mislabelled under a tuned model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_SUSPECT_ROWS: Final = 20
"""Maximum number of rows that are reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectRow:
    """A row with a large loss, for which another answer fits better.

    Attributes:
        dataset: Id of the dataset.
        row: Number of the row in the file, counted from 1.
        loss: Loss of the answer in the row: in a closed task, the squared distance between its labels and those that
            the other rows predict; in an open task, nats per token under the tuned model.
        output: The answer in the row.
        prediction: The answer that fits better.
    """

    dataset: str
    row: int
    loss: float
    input: str
    output: str
    prediction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectRows:
    """The rows of a run that look mislabelled, the largest loss first, and the number of rows that were examined."""

    rows: tuple[SuspectRow, ...] = ()
    examined_row_count: int = 0
    row_count: int = 0
